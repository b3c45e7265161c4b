"""torchvision's ImageNet classifiers, with the weights that torchvision recommends.

All facts come from torchvision's own weights records, so labels, preprocessing and weights
always belong together.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
import torchvision
from torch import Tensor
from torchvision.models import get_model, get_model_weights, list_models

from classifier.models.model import Model
from classifier.models.weights import RemoteWeights

# Constructor arguments of networks whose published weights were not trained with the defaults.
ARGUMENTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "googlenet": {"transform_input": True, "init_weights": False},
        "inception_v3": {"transform_input": True, "init_weights": False},
        "vit_h_14": {"image_size": 518},
    }
)

# The DenseNet weights were saved when layer names could still contain dots.
DENSE_LAYER = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")


def available() -> list[str]:
    """Returns the names of all classifiers in torchvision."""
    names: list[str] = list_models(module=torchvision.models)
    return names


def load(name: str) -> Model:
    """Returns a torchvision classifier; its weights are downloaded when they are needed."""
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
        evaluated_on="ImageNet",
        preprocess=preprocess,
        resize_pixels=preprocess.resize_size[0],
        build=partial(
            get_model, name, weights=None, num_classes=len(labels), **ARGUMENTS.get(name, {})
        ),
        read=_read_state,
        weights=RemoteWeights(weights.url, digest, weights.meta["_file_size"]),
    )


def _read_state(file: Path) -> dict[str, Tensor]:
    """Reads a published state dictionary and renames layers to today's names."""
    # A file of weights may come from anywhere, so it is never unpickled in full.
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    # Rename in place: the dictionary carries the versions of its layers as an attribute.
    for name in list(state):
        state[DENSE_LAYER.sub(r"\1\2", name)] = state.pop(name)
    return state
