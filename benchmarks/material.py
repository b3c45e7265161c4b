"""The pictures and weights that all contenders share."""

import io
from dataclasses import replace
from pathlib import Path

import numpy
import torch
from PIL import Image

from classifier import settings
from classifier.models.catalogue import find
from classifier.models.model import Model, StateDict
from classifier.models.onnx_network import OnnxNetwork
from classifier.models.weights import LocalWeights

DEFAULT = settings.MODELS[0]
MODELS = (DEFAULT, "mobilenet_v3_large", "resnet18", "resnet50")
SIZE = (500, 375)  # the most frequent size in ImageNet


def pictures(count: int) -> list[bytes]:
    """Returns different photograph-like JPEG files: smooth colours with a little noise."""
    generator = numpy.random.default_rng(1)
    noise = generator.normal(0, 6, (SIZE[1], SIZE[0], 3))
    made = []
    for _ in range(count):
        coarse = generator.integers(0, 256, (6, 8, 3), dtype=numpy.uint8)
        smooth = Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)
        pixels = (numpy.asarray(smooth) + noise).clip(0, 255).astype(numpy.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=90)
        made.append(file.getvalue())
    return made


def with_weights(name: str, folder: Path) -> Model:
    """Returns the model. Models whose weights must be downloaded have random ones.

    Random weights are as fast as trained ones.
    """
    model = find(name)
    if isinstance(model.weights, LocalWeights):
        return model
    assert isinstance(model.network, StateDict)
    file = folder / f"{name}.pth"
    if not file.exists():
        torch.manual_seed(0)
        torch.save(model.network.build().state_dict(), file)
    return replace(model, weights=LocalWeights(file))


def eager(model: Model) -> torch.nn.Module:
    """Returns the model's network in evaluation mode, as torch's documentation uses it."""
    assert isinstance(model.weights, LocalWeights)
    assert not isinstance(model.network, OnnxNetwork)
    return model.network.load(model.weights.path)
