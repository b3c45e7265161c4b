"""A state dictionary for an architecture of torchvision.

The folder contains model.safetensors or model.pth, labels.txt, and architecture.txt with the name
of the architecture. Without preprocessing.json, the preprocessing is that of torchvision's own
weights for the architecture.
"""

from functools import partial

import torch
from torch import nn
from torchvision.models import get_model

from classifier.errors import ModelError, show, suggest
from classifier.models import state_files, torchvision_models
from classifier.models.model import Model, StateDict
from classifier.models.own import preprocessing
from classifier.models.own.files import Files
from classifier.models.sizes import describe
from classifier.models.weights import LocalWeights

WEIGHTS = ("model.safetensors", "model.pth")


def load(name: str, files: Files) -> Model:
    """Returns the model. Raises ModelError if labels, network and weights do not fit together."""
    labels = files.labels()
    architecture = (files.text("architecture.txt") or "").strip()
    valid = torchvision_models.available()
    if architecture not in valid:
        raise ModelError(
            f"{files.location('architecture.txt')} names the architecture {show(architecture)}; "
            f"expected a classifier of torchvision ({suggest(architecture, valid)})."
        )
    weights = files.weights(*WEIGHTS)
    build = partial(_build, architecture, len(labels))
    with torch.device("meta"):
        empty = build()
    if isinstance(weights, LocalWeights):
        state_files.check(
            weights.path, empty.state_dict(), f"{architecture} with {len(labels)} labels"
        )
    parameters = sum(parameter.numel() for parameter in empty.parameters())
    return Model(
        name=name,
        description=describe(parameters, len(labels)),
        labels=labels,
        parameters=parameters,
        megabytes=parameters * 4 / (1 << 20),
        preprocessing=(
            preprocessing.read(files)
            if files.find(preprocessing.FILE)
            else torchvision_models.preprocessing(architecture)
        ),
        network=StateDict(build, state_files.read),
        weights=weights,
    )


def _build(architecture: str, labels: int) -> nn.Module:
    arguments = torchvision_models.ARGUMENTS.get(architecture, {})
    network: nn.Module = get_model(architecture, weights=None, num_classes=labels, **arguments)
    return network
