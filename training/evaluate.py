"""Evaluation of the trained network: accuracy and calibration."""

from pathlib import Path

import torch
from torch import Tensor, nn

from classifier.models.model import Model
from classifier.pictures.decoding import decode
from training.augment import normalise
from training.data import Pictures

BINS = 15


@torch.no_grad()
def scores(model: nn.Module, pictures: Pictures, device: torch.device) -> Tensor:
    """Returns class scores (N, classes), on the CPU, of pictures at their full size."""
    model.eval()
    parts = pictures.pixels.split(250)
    return torch.cat([model(normalise(part.to(device))).float().cpu() for part in parts])


def accuracy(scores: Tensor, classes: Tensor) -> tuple[float, float]:
    """Returns top-1 and top-5 accuracy, each from 0 to 1."""
    right = scores.topk(5).indices == classes[:, None]
    return right[:, 0].float().mean().item(), right.any(1).float().mean().item()


def temperature(scores: Tensor, classes: Tensor) -> float:
    """Returns the temperature to divide the scores by, so that probabilities are calibrated.

    It maximises the likelihood of `classes`: Guo et al., "On Calibration of Modern Neural
    Networks" (2017).
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
    """Returns the share of pictures, mean probability and accuracy per bin, each (15,).

    The 15 equally wide bins divide the range of the top-1 probability. The mean probability
    and the accuracy of an empty bin are 0.
    """
    probabilities, labels = scores.softmax(1).max(1)
    right = (labels == classes).float()
    bins = (probabilities * BINS).long().clamp(max=BINS - 1)
    count = torch.zeros(BINS).index_add(0, bins, torch.ones_like(right))
    claimed = torch.zeros(BINS).index_add(0, bins, probabilities) / count.clamp(min=1)
    true = torch.zeros(BINS).index_add(0, bins, right) / count.clamp(min=1)
    return count / count.sum(), claimed, true


def calibration_error(scores: Tensor, classes: Tensor) -> float:
    """Returns the expected calibration error, from 0 to 1.

    This is the mean gap between probability and accuracy over the bins, weighted by their
    share of the pictures.
    """
    share, claimed, true = reliability(scores, classes)
    return (share * (claimed - true).abs()).sum().item()


@torch.inference_mode()
def photographs(model: Model, network: nn.Module, folder: Path) -> tuple[int, int, int]:
    """Classifies the photographs of a folder, with the preprocessing that the app uses.

    Photographs are named WNID_label.jpg. Those with a label that the model does not know are
    skipped. Returns the numbers of photographs not skipped, top-1 hits and top-5 hits.
    """
    known = first = among_five = 0
    labels = {label.replace(" ", "_"): place for place, label in enumerate(model.labels)}
    for path in sorted(folder.glob("*.jpg")):
        label = path.stem.split("_", 1)[1]
        if label not in labels:
            continue
        pixels = model.preprocessing.apply(decode(path, path.name)).unsqueeze(0)
        five = network(pixels)[0].topk(5).indices.tolist()
        known += 1
        first += five[0] == labels[label]
        among_five += labels[label] in five
    return known, first, among_five
