"""The pictures and weights that all contenders share."""

import io
from dataclasses import replace
from pathlib import Path

import numpy
import torch
from PIL import Image

from classifier.models import bundled_model
from classifier.models.model import Model
from classifier.models.torchvision_models import load

MODELS = ("tiny", "mobilenet_v3_large", "resnet18", "resnet50")
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
    """Returns the model. Models other than the bundled one have random weights.

    Random weights are as fast as trained ones.
    """
    if name == bundled_model.NAME:
        return bundled_model.load()
    model = load(name)
    file = folder / f"{name}.pth"
    if not file.exists():
        torch.manual_seed(0)
        torch.save(model.build().state_dict(), file)
    return replace(model, weights=file)


def eager(model: Model) -> torch.nn.Module:
    """Returns the model's network in evaluation mode, as torch's documentation uses it."""
    assert isinstance(model.weights, Path)
    network = model.build()
    network.load_state_dict(model.read(model.weights))
    return network.eval()
