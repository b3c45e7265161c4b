"""The format of Hugging Face transformers, as `save_pretrained` writes it.

config.json names the labels, preprocessor_config.json the preprocessing, and model.safetensors
contains the weights. transformers is an extra: it is imported only for such a model.
"""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from classifier.errors import ModelError
from classifier.models import imagenet, state_files
from classifier.models.model import Model, Preprocessing
from classifier.models.own.files import Files
from classifier.models.sizes import describe
from classifier.models.weights import LocalWeights

WEIGHTS = "model.safetensors"
PREPROCESSOR = "preprocessor_config.json"
CONVNEXT_SQUASHED = 384  # from this size on, ConvNeXt's processor does not crop


@dataclass(frozen=True)
class TransformersNetwork:
    """A network that transformers builds from the folder of its weights."""

    def load(self, weights: Path) -> nn.Module:
        transformers = import_transformers()
        network, report = transformers.AutoModelForImageClassification.from_pretrained(
            weights.parent,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
        for problem in ("missing_keys", "mismatched_keys", "error_msgs"):
            if report.get(problem):
                raise ValueError(f"{problem}: {report[problem]}")
        return _Scores(network).eval()


class _Scores(nn.Module):
    """Returns only the scores of a network of transformers."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        scores: Tensor = self.network(pixel_values=pictures, return_dict=True).logits
        return scores


@dataclass(frozen=True)
class _Apply:
    processor: Any

    def __call__(self, picture: Image.Image) -> Tensor:
        pixels: Tensor = self.processor(images=picture, return_tensors="pt")["pixel_values"][0]
        return pixels


def import_transformers() -> ModuleType:
    """Returns transformers, without its advice. Raises ModelError if it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import transformers
    except ImportError as error:
        raise ModelError(
            "transformers is not installed, and a model in its format needs it; run "
            "pip install transformers."
        ) from error
    logging.getLogger("transformers").setLevel(logging.ERROR)
    module: ModuleType = transformers
    return module


def load(name: str, files: Files) -> Model:
    """Returns the model. Raises ModelError if labels, network and weights do not fit together."""
    where = files.location("config.json")
    try:
        transformers = import_transformers()
    except ModelError as error:
        raise ModelError(f"{where} is in the format of transformers. {error}") from error
    if files.find(PREPROCESSOR) is None:
        raise ModelError(f"{files} has no file {PREPROCESSOR}.")
    weights = files.weights(WEIGHTS)
    arguments = {"local_files_only": True, "trust_remote_code": False}
    try:
        config = transformers.AutoConfig.from_pretrained(files.folder, **arguments)
        processor = transformers.AutoImageProcessor.from_pretrained(files.folder, **arguments)
        with torch.device("meta"):
            empty = transformers.AutoModelForImageClassification.from_config(
                config, trust_remote_code=False
            )
    # transformers has many exceptions for a configuration that it does not know.
    except Exception as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ModelError(
            f"{where} does not describe an image classifier of transformers: {reason}."
        ) from error
    names = config.id2label
    labels = imagenet.distinct([str(names[number]) for number in sorted(names)])
    if isinstance(weights, LocalWeights):
        _check(weights.path, empty)
    parameters = sum(parameter.numel() for parameter in empty.parameters())
    return Model(
        name=name,
        description=describe(parameters, len(labels)),
        labels=labels,
        parameters=parameters,
        megabytes=parameters * 4 / (1 << 20),
        preprocessing=_preprocessing(processor),
        network=TransformersNetwork(),
        weights=weights,
    )


def _check(file: Path, network: nn.Module) -> None:
    """Raises ModelError if a tensor has another shape than in the network.

    transformers renames some tensors of older files, so names that differ are no error yet.
    """
    found = state_files.shapes(file)
    for name, tensor in network.state_dict().items():
        if name in found and found[name] != tuple(tensor.shape):
            raise ModelError(
                f"{file} has a tensor {name} of shape {found[name]}; expected "
                f"{tuple(tensor.shape)}, as config.json says."
            )


def _preprocessing(processor: Any) -> Preprocessing:
    """Returns the preprocessing of a processor, and what it does to the frame of a picture."""
    size: Any = getattr(processor, "size", None) or {}
    shortest = size.get("shortest_edge")
    apply = _Apply(processor)
    if shortest is None or not getattr(processor, "do_resize", True):
        return Preprocessing(
            apply, max(size.get("height") or 224, size.get("width") or 224), "squash"
        )
    if (fraction := getattr(processor, "crop_pct", None)) is not None:  # ConvNeXt
        if shortest >= CONVNEXT_SQUASHED:
            return Preprocessing(apply, shortest, "squash")
        return Preprocessing(apply, int(shortest / fraction), "crop")
    return Preprocessing(apply, shortest, "crop")
