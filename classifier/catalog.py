"""The models on offer: for each its weights, preprocessing, labels and facts.

Everything about a torchvision model comes from torchvision's own weights record, and
everything about the bundled one from the header of its file: nothing can drift apart.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
import torchvision
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights, list_models
from torchvision.transforms._presets import ImageClassification

from classifier.bundled.network import TinyNet
from classifier.errors import SettingError, offer
from classifier.weights import Source

BUNDLED = "tiny"
BUNDLED_FILE = Path(__file__).parent / "bundled" / "tiny.safetensors"
BUNDLED_GIGAFLOPS = 0.144  # counting takes half a second; a test does it

# What the published weights were trained with, where the constructor's default differs.
ARGUMENTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "googlenet": {"transform_input": True, "init_weights": False},
        "inception_v3": {"transform_input": True, "init_weights": False},
        "vit_h_14": {"image_size": 518},
    }
)

# The files of the DenseNets are older than the rule that names of layers have no dots.
DENSE_LAYER = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")


@dataclass(frozen=True)
class Model:
    """A classifier, not yet loaded. `accuracy` is top-1 in 0-1, judged on `judged_on`.

    `gigaflops` are what one picture takes, in billions of multiplications with an addition.
    `preprocess` turns an RGB picture into the network's input, (3, height, width), and
    scales its shorter side to so many `pixels` for that;
    `build` makes the network without weights; `read` reads a state dictionary for it
    from the file of weights, which is in the repository or comes from a source.
    """

    name: str
    labels: tuple[str, ...]
    parameters: int
    megabytes: float
    gigaflops: float
    accuracy: float
    judged_on: str
    preprocess: Callable[[Image.Image], Tensor]
    pixels: int
    build: Callable[[], nn.Module]
    read: Callable[[Path], dict[str, Tensor]]
    weights: Path | Source

    @property
    def shape(self) -> tuple[int, ...]:
        """What the model's preprocessing makes of any picture, (3, height, width)."""
        return tuple(self.preprocess(Image.new("RGB", (8, 8))).shape)


Catalog = Mapping[str, Model]


def load(names: Iterable[str]) -> Catalog:
    """The models by name, in order.

    Raises SettingError with the nearest valid names if there is no such classifier.
    """
    valid = available()
    models = {}
    for name in names:
        if name not in valid:
            raise SettingError(
                "CLASSIFIER_MODELS", name, f"torchvision classifiers or tiny ({offer(name, valid)})"
            )
        models[name] = bundled() if name == BUNDLED else published(name)
    return MappingProxyType(models)


def available() -> list[str]:
    """The bundled model and every ImageNet classifier of torchvision."""
    return [BUNDLED, *list_models(module=torchvision.models)]


def published(name: str) -> Model:
    """A torchvision classifier with the weights that torchvision recommends."""
    weights = get_model_weights(name).DEFAULT
    labels = tuple(weights.meta["categories"])
    preprocess = weights.transforms()
    digest = weights.url.rsplit("-", 1)[-1].removesuffix(".pth")
    return Model(
        name=name,
        labels=labels,
        parameters=weights.meta["num_params"],
        megabytes=weights.meta["_file_size"],
        gigaflops=weights.meta["_ops"],
        accuracy=weights.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100,
        judged_on="ImageNet",
        preprocess=preprocess,
        pixels=preprocess.resize_size[0],
        build=partial(
            get_model, name, weights=None, num_classes=len(labels), **ARGUMENTS.get(name, {})
        ),
        read=_read,
        weights=Source(weights.url, digest, weights.meta["_file_size"]),
    )


def bundled(file: Path = BUNDLED_FILE) -> Model:
    """The model that ships with the repository."""
    with safe_open(file, framework="pt") as opened:
        facts = json.loads(opened.metadata()["facts"])
    categories = get_model_weights("resnet18").DEFAULT.meta["categories"]
    labels = tuple(categories[number] for number in facts["imagenet_classes"])
    return Model(
        name=BUNDLED,
        labels=labels,
        parameters=facts["parameters"],
        megabytes=file.stat().st_size / (1 << 20),
        gigaflops=BUNDLED_GIGAFLOPS,
        accuracy=facts["accuracy"],
        judged_on="Tiny ImageNet",
        preprocess=ImageClassification(crop_size=facts["pixels"], resize_size=facts["pixels"]),
        pixels=facts["pixels"],
        build=partial(TinyNet, len(labels)),
        read=load_file,
        weights=file,
    )


def _read(file: Path) -> dict[str, Tensor]:
    """A published state dictionary, its names as torchvision's networks have them today."""
    # Never unpickled in full: a file of weights may come from anywhere.
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    # Renamed in place: the dictionary carries the versions of its layers as an attribute.
    for name in list(state):
        state[DENSE_LAYER.sub(r"\1\2", name)] = state.pop(name)
    return state
