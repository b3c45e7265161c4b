"""Small models for tests, and torchvision's own filled with weights worth comparing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights
from torchvision.transforms.functional import pil_to_tensor

from classifier.catalog import Model, bundled

PIXELS = 8
LABELS = tuple(f"label {number}" for number in range(10))


class MeanColour(nn.Module):
    """Scores pictures (N, 3, height, width) by nothing but their mean colour."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Linear(3, len(LABELS))

    def forward(self, pictures: Tensor) -> Tensor:
        scores: Tensor = self.classifier(pictures.mean((2, 3)))
        return scores


def small(folder: Path, name: str = "small", build: Callable[[], nn.Module] = MeanColour) -> Model:
    """A model with weights in a file of the folder; all small models have the same."""
    file = folder / f"{name}.pth"
    torch.manual_seed(1)
    torch.save(MeanColour().state_dict(), file)
    return Model(
        name=name,
        labels=LABELS,
        parameters=40,
        megabytes=0.001,
        gigaflops=0.001,
        accuracy=0.1,
        judged_on="nothing",
        preprocess=lambda picture: pil_to_tensor(picture.resize((PIXELS, PIXELS))) / 255,
        pixels=PIXELS,
        build=build,
        read=lambda path: torch.load(path, weights_only=True),
        weights=file,
    )


def trained() -> nn.Module:
    """The bundled network with its weights, in evaluation mode."""
    model = bundled()
    assert isinstance(model.weights, Path)
    network = model.build().eval()
    network.load_state_dict(model.read(model.weights))
    return network


def reference(name: str, picture: Image.Image, **arguments: Any) -> nn.Module:
    """torchvision's own network with random weights that tell pictures and labels apart."""
    torch.manual_seed(0)
    network: nn.Module = get_model(name, weights=None, **arguments)
    pixels = get_model_weights(name).DEFAULT.transforms()(picture)
    with torch.inference_mode():
        for part, parameter in network.named_parameters():
            if part.endswith("layer_scale"):  # begins as nearly nothing
                parameter.fill_(0.5)
        # Normalisation is given what a trained network has: what pictures look like.
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
        # The likeliest lie so far apart that rounding cannot change their order.
        last.bias[scores.topk(6).indices] += torch.arange(6, 0, -1) / 4
    return network


def probabilities(network: nn.Module, name: str, picture: Image.Image) -> Tensor:
    """What torchvision's own preprocessing and network make of a picture, (labels,)."""
    pixels = get_model_weights(name).DEFAULT.transforms()(picture).unsqueeze(0)
    with torch.inference_mode():
        scores: Tensor = network(pixels)
    return scores.softmax(dim=1)[0]
