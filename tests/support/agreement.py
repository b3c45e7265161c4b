"""Compares predictions of the classifier with those of another library."""

from itertools import pairwise
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from classifier import Classifier
from classifier.inference.engine import Engine
from classifier.inference.prediction import Prediction
from classifier.models.model import Model
from classifier.models.weights import WeightsCache
from classifier.pictures.gallery import Gallery
from tests.support.picture_files import encode

TOLERANCE = 1e-4


def classifier_of(model: Model, folder: Path) -> Classifier:
    """Returns a classifier with a single model, which keeps its files in a folder."""
    engine = Engine("cpu", WeightsCache(folder), folder / "onnx", threads=1, memory_mb=1000)
    return Classifier({model.name: model}, engine, Gallery(folder), 1, threads=1)


def prediction_of(model: Model, picture: Image.Image, folder: Path) -> Prediction:
    """Returns the prediction of the classifier for a picture."""
    content = encode(picture, "PNG")
    return classifier_of(model, folder).classify(content, "picture.png", model)


def check(model: Model, expected: Tensor, picture: Image.Image, folder: Path) -> None:
    """Checks that the classifier predicts the probabilities (labels,), and in the same order."""
    found = prediction_of(model, picture, folder).predictions
    values, places = expected.topk(min(5, len(expected)))
    # Otherwise the order would depend on rounding.
    assert all(higher - lower > 2 * TOLERANCE for higher, lower in pairwise(values.tolist()))
    assert [top.label for top in found] == [model.labels[place] for place in places.tolist()]
    for top, value in zip(found, values.tolist(), strict=True):
        assert abs(top.probability - value) <= TOLERANCE


def spread(network: nn.Module, pixels: Tensor) -> None:
    """Changes the last layer of a network so that the likeliest labels are far apart.

    `pixels` (1, 3, height, width) is the input for which they are.
    """
    with torch.inference_mode():
        layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
        last = layers[-1]
        nn.init.normal_(last.weight)
        assert last.bias is not None
        nn.init.zeros_(last.bias)
        scores = network(pixels)
        scores = getattr(scores, "logits", scores)[0]
        last.weight *= 3 / scores.std()
        first = scores.topk(min(6, len(scores))).indices
        last.bias[first] += torch.arange(len(first), 0, -1) / 4
