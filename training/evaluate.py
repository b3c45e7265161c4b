"""What the trained network is worth: accuracy, and whether its probabilities hold."""

import torch
from torch import Tensor, nn

from training.augment import normalise
from training.data import Pictures


@torch.inference_mode()
def scores(model: nn.Module, pictures: Pictures, device: torch.device) -> Tensor:
    """Class scores (N, classes) of pictures at their full size, on the processor."""
    model.eval()
    parts = pictures.pixels.split(250)
    return torch.cat([model(normalise(part.to(device))).float().cpu() for part in parts])


def accuracy(scores: Tensor, classes: Tensor) -> tuple[float, float]:
    """Top-1 and top-5, each in 0-1."""
    right = scores.topk(5).indices == classes[:, None]
    return right[:, 0].float().mean().item(), right.any(1).float().mean().item()
