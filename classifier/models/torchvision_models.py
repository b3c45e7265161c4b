"""torchvision's ImageNet classifiers, with the weights that torchvision recommends.

All facts come from torchvision's own weights records, so preprocessing and weights always belong
together.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torchvision
from torch import Tensor
from torchvision.models import get_model, get_model_weights, list_models

from classifier.models import imagenet, state_files
from classifier.models.model import Model, Preprocessing, StateDict
from classifier.models.sizes import describe
from classifier.models.weights import RemoteWeights

# Constructor arguments of networks whose published weights were not trained with the defaults.
ARGUMENTS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "googlenet": {"transform_input": True, "init_weights": False},
        "inception_v3": {"transform_input": True, "init_weights": False},
        "vit_h_14": {"image_size": 518},
    }
)

DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "resnet18": "The smallest residual network, and a common baseline.",
        "alexnet": "The network that began deep learning on ImageNet in 2012; for comparison.",
        "vgg16": "A large network of 2014 with plain layers; for comparison.",
        "inception_v3": "A network of 2015 that looks at larger pictures, of 299 pixels.",
        "resnet50": "The usual baseline of articles about image classification.",
        "mobilenet_v3_large": "Made for phones: fast, and accurate for its size.",
        "efficientnet_v2_s": "The most accurate of the default models; slower on a CPU.",
        "convnext_tiny": "A modern convolutional network; accurate and slower on a CPU.",
        "vit_b_16": "A vision transformer; large and slow on a CPU.",
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
    labels = imagenet.labels()
    digest = weights.url.rsplit("-", 1)[-1].removesuffix(".pth")
    parameters = weights.meta["num_params"]
    return Model(
        name=name,
        description=DESCRIPTIONS.get(name, describe(parameters, len(labels))),
        labels=labels,
        parameters=parameters,
        megabytes=weights.meta["_file_size"],
        preprocessing=preprocessing(name),
        network=StateDict(
            partial(
                get_model, name, weights=None, num_classes=len(labels), **ARGUMENTS.get(name, {})
            ),
            _read_state,
        ),
        weights=RemoteWeights(weights.url, digest, weights.meta["_file_size"]),
        gigaflops=weights.meta["_ops"],
        accuracy=weights.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100,
        evaluated_on="ImageNet",
    )


def preprocessing(name: str) -> Preprocessing:
    """Returns the preprocessing of torchvision's weights for an architecture."""
    apply = get_model_weights(name).DEFAULT.transforms()
    return Preprocessing(apply, apply.resize_size[0])


def _read_state(file: Path) -> dict[str, Tensor]:
    """Reads a published state dictionary and renames layers to today's names."""
    state = state_files.read(file)
    # Rename in place: the dictionary carries the versions of its layers as an attribute.
    for name in list(state):
        state[DENSE_LAYER.sub(r"\1\2", name)] = state.pop(name)
    return state
