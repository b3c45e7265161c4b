"""What every contender works on: the same pictures and the same weights."""

import io
from dataclasses import replace
from pathlib import Path

import numpy
import torch
from PIL import Image

from classifier.catalog import BUNDLED, Model, bundled, published

MODELS = ("tiny", "mobilenet_v3_large", "resnet18", "resnet50")
SIZE = (500, 375)  # ImageNet's most frequent


def pictures(count: int) -> list[bytes]:
    """Different photograph-like JPEG files: smooth colours under a little noise."""
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
    """The model, with random weights if it is not the bundled one: speed is the same."""
    if name == BUNDLED:
        return bundled()
    model = published(name)
    file = folder / f"{name}.pth"
    if not file.exists():
        torch.manual_seed(0)
        torch.save(model.build().state_dict(), file)
    return replace(model, weights=file)


def eager(model: Model) -> torch.nn.Module:
    """Its network as torch's documentation runs it, in evaluation mode."""
    assert isinstance(model.weights, Path)
    network = model.build()
    network.load_state_dict(model.read(model.weights))
    return network.eval()
