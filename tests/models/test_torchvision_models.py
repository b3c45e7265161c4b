import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import (
    densenet,
    get_model,
    get_model_builder,
    get_model_weights,
    list_models,
)
from torchvision.models._api import WeightsEnum

from classifier.models import torchvision_models
from classifier.models.weights import RemoteWeights
from classifier.settings import MODELS
from tests.support.small_models import state_dict

NAMES = torchvision_models.available()


class ConstructionError(Exception):
    """Raised instead of constructing a network; describes its class and arguments."""


def construction(build: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch) -> str:
    """Returns the class and arguments of the network that `build` would construct."""

    def record(module: nn.Module) -> None:
        arguments = dict(sys._getframe(1).f_locals)
        arguments.pop("self")
        raise ConstructionError(describe((type(module).__name__, arguments)))

    with monkeypatch.context() as patch:
        patch.setattr(nn.Module, "__init__", record)
        with pytest.raises(ConstructionError) as caught:
            build()
    return str(caught.value)


def describe(value: Any) -> str:
    """Returns a text that is the same for arguments with the same meaning."""
    if isinstance(value, dict):
        return str({name: describe(item) for name, item in sorted(value.items())})
    if isinstance(value, list | tuple):
        return str([describe(item) for item in value])
    if type(value).__module__.startswith("torchvision") and hasattr(value, "__dict__"):
        return type(value).__name__ + describe(vars(value))
    return repr(value)


def test_exactly_the_imagenet_classifiers_are_available() -> None:
    assert len(NAMES) >= 80
    assert all(
        get_model_weights(name).DEFAULT.meta["_metrics"].keys() == {"ImageNet-1K"} for name in NAMES
    )
    assert not [name for name in list_models(include="quantized*") if name in NAMES]


@pytest.mark.parametrize("name", NAMES)
def test_the_facts_of_a_model_agree_with_each_other(name: str) -> None:
    model = torchvision_models.load(name)

    assert model.name == name
    assert len(model.labels) == len(set(model.labels)) == 1000
    assert all(label == label.strip() != "" for label in model.labels)
    assert model.parameters > 1_000_000
    assert model.accuracy is not None
    assert 0.5 < model.accuracy < 0.9
    assert model.evaluated_on == "ImageNet"
    weights = model.weights
    assert isinstance(weights, RemoteWeights)
    assert weights.url.startswith("https://download.pytorch.org/models/")
    assert weights.url.endswith("/" + weights.file_name)
    assert re.fullmatch(r"[0-9a-f]{8,64}", weights.sha256)
    assert weights.file_name.endswith(f"-{weights.sha256}.pth")
    # A parameter has four bytes. Auxiliary heads are in the file but not in the count.
    assert model.megabytes == weights.megabytes > 0.98 * model.parameters * 4 / (1 << 20)


@pytest.mark.parametrize("name", NAMES)
def test_the_network_is_the_one_that_torchvision_builds_for_the_weights(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = get_model_weights(name).DEFAULT

    ours = construction(state_dict(torchvision_models.load(name)).build, monkeypatch)
    theirs = construction(lambda: get_model(name, weights=weights), monkeypatch)

    assert ours == theirs


def test_the_comparison_of_networks_detects_a_single_argument(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build = get_model_builder("inception_v3")
    one, other = (
        construction(partial(build, transform_input=choice), monkeypatch)
        for choice in (True, False)
    )

    assert one != other


@pytest.mark.parametrize("name", [*MODELS[2:], "googlenet", "densenet121", "mnasnet1_3"])
def test_a_network_has_the_stated_parameters_and_loads_its_own_weights(
    name: str, tmp_path: Path
) -> None:
    model = torchvision_models.load(name)
    with torch.device("meta"):
        network = state_dict(model).build()
        copy = state_dict(model).build()

    counted = sum(
        parameter.numel()
        for part, parameter in network.named_parameters()
        if name != "googlenet" or not part.startswith("aux")  # its record leaves them out
    )
    assert counted == model.parameters

    # This file contains shapes but no values. The real one would have half a gigabyte.
    torch.save(network.state_dict(), tmp_path / "net.pth")
    state = torch.load(tmp_path / "net.pth", weights_only=True)
    assert copy.load_state_dict(state, assign=True).missing_keys == []
    assert copy.state_dict().keys() == network.state_dict().keys()


def test_weights_are_read_as_they_were_written(tmp_path: Path) -> None:
    model = torchvision_models.load("squeezenet1_1")
    network = state_dict(model).build()
    torch.save(network.state_dict(), tmp_path / "net.pth")

    state = state_dict(model).read(tmp_path / "net.pth")

    original: dict[str, Tensor] = network.state_dict()
    assert list(state) == list(original)
    assert all(torch.equal(state[name], original[name]) for name in original)


def test_the_versions_of_layers_are_read_with_the_weights(tmp_path: Path) -> None:
    model = torchvision_models.load("mnasnet0_5")
    network = state_dict(model).build()
    torch.save(network.state_dict(), tmp_path / "net.pth")

    state: Any = state_dict(model).read(tmp_path / "net.pth")

    original: Any = network.state_dict()
    assert state._metadata == original._metadata
    state_dict(model).build().load_state_dict(state)


def test_old_layer_names_of_densenets_are_read_as_torchvision_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = torchvision_models.load("densenet121")
    network = state_dict(model).build()
    state: dict[str, Tensor] = network.state_dict()
    # Files of that age have no counts of batches either.
    old = {
        re.sub(r"(layer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", name): tensor
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }
    assert old.keys() != state.keys()
    torch.save(old, tmp_path / "net.pth")

    ours = state_dict(model).build()
    ours.load_state_dict(state_dict(model).read(tmp_path / "net.pth"))
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda self, **options: dict(old))
    theirs = densenet.densenet121(weights="DEFAULT")

    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert all(map(torch.equal, ours.state_dict().values(), theirs.state_dict().values()))


class Trap:
    """Creates a file if it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return (Path.touch, (Path("trap-was-sprung"),))  # type: ignore[return-value]


def test_code_in_a_file_of_weights_is_not_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Trap()}, "net.pth")

    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        state_dict(torchvision_models.load("resnet18")).read(Path("net.pth"))

    assert not Path("trap-was-sprung").exists()


def test_the_preprocessing_is_the_one_of_the_weights() -> None:
    for name in NAMES:
        expected = get_model_weights(name).DEFAULT.transforms()
        assert repr(torchvision_models.load(name).preprocessing.apply) == repr(expected)
