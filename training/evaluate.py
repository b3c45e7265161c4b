"""What the trained network is worth: accuracy, and whether its probabilities hold."""

from pathlib import Path

import torch
from torch import Tensor, nn

from classifier import images
from classifier.catalog import Model
from training.augment import normalise
from training.data import Pictures

BINS = 15


@torch.no_grad()
def scores(model: nn.Module, pictures: Pictures, device: torch.device) -> Tensor:
    """Class scores (N, classes) of pictures at their full size, on the processor."""
    model.eval()
    parts = pictures.pixels.split(250)
    return torch.cat([model(normalise(part.to(device))).float().cpu() for part in parts])


def accuracy(scores: Tensor, classes: Tensor) -> tuple[float, float]:
    """Top-1 and top-5, each in 0-1."""
    right = scores.topk(5).indices == classes[:, None]
    return right[:, 0].float().mean().item(), right.any(1).float().mean().item()


def temperature(scores: Tensor, classes: Tensor) -> float:
    """What to divide scores by for probabilities that hold: the likelihood's maximum.

    Guo et al., "On Calibration of Modern Neural Networks" (2017).
    """
    logarithm = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([logarithm], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimizer.zero_grad()
        value = nn.functional.cross_entropy(scores / logarithm.exp(), classes)
        value.backward()
        return value.item()

    optimizer.step(loss)
    return logarithm.exp().item()


def reliability(scores: Tensor, classes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For each of 15 equal bins of the first label's probability: share of the pictures in
    it, its mean probability and its accuracy, the last two 0 where it is empty."""
    probabilities, labels = scores.softmax(1).max(1)
    right = (labels == classes).float()
    bins = (probabilities * BINS).long().clamp(max=BINS - 1)
    count = torch.zeros(BINS).index_add(0, bins, torch.ones_like(right))
    claimed = torch.zeros(BINS).index_add(0, bins, probabilities) / count.clamp(min=1)
    true = torch.zeros(BINS).index_add(0, bins, right) / count.clamp(min=1)
    return count / count.sum(), claimed, true


def calibration_error(scores: Tensor, classes: Tensor) -> float:
    """The expected calibration error: the bins' mean gap between claim and truth, weighted."""
    share, claimed, true = reliability(scores, classes)
    return (share * (claimed - true).abs()).sum().item()


@torch.inference_mode()
def photographs(model: Model, network: nn.Module, folder: Path) -> tuple[int, int, int]:
    """Photographs named WNID_label.jpg whose label the model knows: how many there are, how
    many have it first, how many among the five, all through the app's own preprocessing."""
    known = first = among_five = 0
    labels = {label.replace(" ", "_"): place for place, label in enumerate(model.labels)}
    for path in sorted(folder.glob("*.jpg")):
        label = path.stem.split("_", 1)[1]
        if label not in labels:
            continue
        pixels = model.preprocess(images.read(path, path.name)).unsqueeze(0)
        five = network(pixels)[0].topk(5).indices.tolist()
        known += 1
        first += five[0] == labels[label]
        among_five += labels[label] in five
    return known, first, among_five
