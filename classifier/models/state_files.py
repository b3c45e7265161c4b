"""Files of state dictionaries: read without running code, or only their names and shapes."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from classifier.errors import ModelError

Shape = tuple[int, ...]


def read(file: Path) -> dict[str, Tensor]:
    """Returns the state dictionary of a .safetensors or .pth file, on the CPU."""
    if file.suffix == ".safetensors":
        return load_file(file)
    # A file of weights may come from anywhere, so it is never unpickled in full.
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return state


def shapes(file: Path) -> dict[str, Shape]:
    """Returns the shape of each tensor. Raises ModelError if the file is damaged."""
    try:
        if file.suffix == ".safetensors":
            with safe_open(file, framework="pt") as opened:
                return {name: tuple(opened.get_slice(name).get_shape()) for name in opened.keys()}  # noqa: SIM118
        state = torch.load(file, map_location="meta", weights_only=True)
        return {name: tuple(tensor.shape) for name, tensor in state.items()}
    # torch has a different exception for each kind of damage.
    except (SafetensorError, Exception) as error:
        raise ModelError(
            f"{file} is not a state dictionary that can be read: it is damaged, or contains more "
            "than tensors."
        ) from error


def check(file: Path, expected: Mapping[str, Tensor], network: str) -> None:
    """Raises ModelError if the tensors of a file are not those of a network."""
    found = shapes(file)
    for name, tensor in expected.items():
        if name not in found:
            raise ModelError(f"{file} has no tensor {name}; expected the weights of {network}.")
        if found[name] != tuple(tensor.shape):
            raise ModelError(
                f"{file} has a tensor {name} of shape {found[name]}; expected "
                f"{tuple(tensor.shape)} for {network}."
            )
    for name in found:
        if name not in expected:
            raise ModelError(f"{file} has a tensor {name}, which {network} does not have.")
