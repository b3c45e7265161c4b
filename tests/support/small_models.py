"""Small models for tests, and torchvision's networks with weights that are worth comparing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights
from torchvision.transforms.functional import pil_to_tensor

from classifier.models import bundled_model, state_files
from classifier.models.model import Model, Preprocessing, StateDict
from classifier.models.onnx_network import OnnxNetwork
from classifier.models.weights import LocalWeights

PIXELS = 8
LABELS = tuple(f"label {number}" for number in range(10))


class MeanColour(nn.Module):
    """Scores pictures (N, 3, height, width) by their mean colour only."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Linear(3, len(LABELS))

    def forward(self, pictures: Tensor) -> Tensor:
        scores: Tensor = self.classifier(pictures.mean((2, 3)))
        return scores


def small(folder: Path, name: str = "small", build: Callable[[], nn.Module] = MeanColour) -> Model:
    """Returns a model with weights in a file of the folder; all small models have the same."""
    file = folder / f"{name}.pth"
    torch.manual_seed(1)
    torch.save(MeanColour().state_dict(), file)
    return Model(
        name=name,
        description="For tests.",
        labels=LABELS,
        parameters=40,
        megabytes=0.001,
        preprocessing=Preprocessing(
            lambda picture: pil_to_tensor(picture.resize((PIXELS, PIXELS))) / 255, PIXELS, "squash"
        ),
        network=StateDict(build, state_files.read),
        weights=LocalWeights(file),
    )


def state_dict(model: Model) -> StateDict:
    """Returns the network of a model that is read from a state dictionary."""
    assert isinstance(model.network, StateDict)
    return model.network


def trained(model: Model | None = None) -> nn.Module:
    """Returns the network of a local model with its weights, by default that of `tiny`."""
    model = model or bundled_model.load()
    assert isinstance(model.weights, LocalWeights)
    assert not isinstance(model.network, OnnxNetwork)
    return model.network.load(model.weights.path)


def reference(name: str, picture: Image.Image, **arguments: Any) -> nn.Module:
    """Returns torchvision's network with random weights that tell pictures and labels apart."""
    torch.manual_seed(0)
    network: nn.Module = get_model(name, weights=None, **arguments)
    pixels = get_model_weights(name).DEFAULT.transforms()(picture)
    with torch.inference_mode():
        for part, parameter in network.named_parameters():
            if part.endswith("layer_scale"):  # its initial value is nearly zero
                parameter.fill_(0.5)
        # Batch normalisation needs statistics of pictures, as it has in a trained network.
        normal = [layer for layer in network.eval().modules() if isinstance(layer, nn.BatchNorm2d)]
        for layer in normal:
            layer.train()
            layer.momentum = None
        if normal:
            network(torch.stack([pixels, pixels.flip(1)]))
        network.eval()
        last = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
        nn.init.normal_(last.weight)
        nn.init.zeros_(last.bias)
        scores = network(pixels.unsqueeze(0))[0]
        last.weight *= 3 / scores.std()
        # The likeliest labels are so far apart that rounding cannot change their order.
        last.bias[scores.topk(6).indices] += torch.arange(6, 0, -1) / 4
    return network


@contextmanager
def without_random_weights() -> Iterator[None]:
    """Builds networks without random numbers: their weights are loaded afterwards anyway.

    Drawing the initial weights of a large network takes seconds.
    """

    def leave(tensor: Tensor, *arguments: Any, **options: Any) -> Tensor:
        return tensor

    names = ("kaiming_normal_", "kaiming_uniform_", "normal_", "trunc_normal_", "uniform_")
    replacements: dict[str, Any] = dict.fromkeys((*names, "xavier_uniform_"), leave)
    with patch.multiple(nn.init, **replacements):
        yield


def probabilities(network: nn.Module, name: str, picture: Image.Image) -> Tensor:
    """Returns the probabilities (labels,) with torchvision's own preprocessing and network."""
    pixels = get_model_weights(name).DEFAULT.transforms()(picture).unsqueeze(0)
    with torch.inference_mode():
        scores: Tensor = network(pixels)
    return scores.softmax(dim=1)[0]
