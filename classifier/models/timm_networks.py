"""Networks and preprocessing of timm. Importing timm takes seconds, so it happens only here."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, Literal

import torch
from torch import nn

from classifier.models import state_files
from classifier.models.model import Preprocessing

FITS: Mapping[str, Literal["crop", "squash", "pad"]] = MappingProxyType(
    {"center": "crop", "squash": "squash", "border": "pad"}
)


@dataclass(frozen=True)
class TimmNetwork:
    """A network of timm by its name, or by the folder in which timm has saved it."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def load(self, weights: Path) -> nn.Module:
        state = {"state_dict": state_files.read(weights), "custom_load": False}
        return self._create(pretrained=True, pretrained_cfg_overlay=state)

    def without_weights(self) -> nn.Module:
        """Returns the network on the meta device: shapes without values."""
        with torch.device("meta"):
            return self._create(pretrained=False)

    def _create(self, **arguments: Any) -> nn.Module:
        network: nn.Module = import_timm().create_model(self.name, **arguments, **self.arguments)
        return network.eval()


def import_timm() -> ModuleType:
    """Returns timm, without the warnings that its import causes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import timm
        import timm.data
    module: ModuleType = timm
    return module


def preprocessing(network: nn.Module) -> Preprocessing:
    """Returns the preprocessing that timm recommends for a network."""
    data = import_timm().data
    config = data.resolve_model_data_config(network)
    height = config["input_size"][1]
    fit = FITS[config["crop_mode"]]
    return Preprocessing(
        data.create_transform(**config, is_training=False),
        int(height / config["crop_pct"]) if fit == "crop" else height,
        fit,
    )


def parameters(network: nn.Module) -> int:
    """Returns the number of parameters of a network."""
    return sum(parameter.numel() for parameter in network.parameters())


def closest(name: str) -> str:
    """Names up to three pretrained models of timm that are similar to a wrong name."""
    names = import_timm().list_models(pretrained=True)
    found = get_close_matches(name, names, n=3)
    return f"the closest: {', '.join(found)}" if found else "timm.list_models() lists them"
