import dataclasses
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import (
    densenet,
    get_model,
    get_model_builder,
    get_model_weights,
    list_models,
)
from torchvision.models._api import WeightsEnum
from torchvision.transforms._presets import ImageClassification

from classifier import catalog
from classifier.errors import SettingError
from classifier.settings import MODELS
from classifier.weights import Source

PUBLISHED = [name for name in catalog.available() if name != catalog.BUNDLED]


class ConstructionError(Exception):
    """Raised in place of the construction of a network, with what it was to be made of."""


def construction(build: Callable[[], nn.Module], monkeypatch: pytest.MonkeyPatch) -> str:
    """The class and arguments of the network that `build` would make, without making it."""

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
    """A text that is equal for arguments that mean the same."""
    if isinstance(value, dict):
        return str({name: describe(item) for name, item in sorted(value.items())})
    if isinstance(value, list | tuple):
        return str([describe(item) for item in value])
    if type(value).__module__.startswith("torchvision") and hasattr(value, "__dict__"):
        return type(value).__name__ + describe(vars(value))
    return repr(value)


def test_every_published_classifier_is_available_and_nothing_else() -> None:
    assert catalog.available()[0] == "tiny"
    assert len(PUBLISHED) >= 80
    assert all(
        get_model_weights(name).DEFAULT.meta["_metrics"].keys() == {"ImageNet-1K"}
        for name in PUBLISHED
    )
    assert not [name for name in list_models(include="quantized*") if name in PUBLISHED]


def test_default_models_are_loaded_in_order() -> None:
    models = catalog.load(MODELS)

    assert tuple(models) == MODELS
    assert [model.name for model in models.values()] == list(MODELS)


def test_catalog_cannot_be_changed() -> None:
    models: Any = catalog.load(["tiny"])

    with pytest.raises(TypeError, match="does not support item assignment"):
        models["other"] = models["tiny"]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("resnet19", "resnet18"),
        ("ResNet18", "resnet18"),
        ("vgg-16", "vgg16"),
        ("inception", "inception_v3"),
        ("tinny", "tiny"),
        ("resnet18 ", "resnet18"),
    ],
)
def test_unknown_model_is_refused_with_the_nearest_names(name: str, nearest: str) -> None:
    with pytest.raises(SettingError) as caught:
        catalog.load(["tiny", name])

    count = len(catalog.available())
    text = str(caught.value)
    assert text.startswith(
        f"CLASSIFIER_MODELS is {name!r}; expected torchvision classifiers or tiny "
        f"(the nearest of {count} valid names: "
    )
    assert nearest in re.split(r"[:,] |\)", text)


@pytest.mark.parametrize(
    "name", ["qqqq", "fcn_resnet50", "quantized_resnet18", "raft_large", "fasterrcnn_resnet50_fpn"]
)
def test_model_that_is_no_classifier_of_pictures_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match=f"CLASSIFIER_MODELS is '{name}'; expected torchvision"):
        catalog.load([name])


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_record_agrees_with_itself(name: str) -> None:
    model = catalog.published(name)

    assert model.name == name
    assert len(model.labels) == len(set(model.labels)) == 1000
    assert all(label == label.strip() != "" for label in model.labels)
    assert model.parameters > 1_000_000
    assert 0.5 < model.accuracy < 0.9
    assert model.judged_on == "ImageNet"
    source = model.weights
    assert isinstance(source, Source)
    assert source.url.startswith("https://download.pytorch.org/models/")
    assert source.url.endswith("/" + source.file)
    assert re.fullmatch(r"[0-9a-f]{8,64}", source.sha256)
    assert source.file.endswith(f"-{source.sha256}.pth")
    # A parameter is four bytes; auxiliary heads are in the file and not in the count.
    assert model.megabytes == source.megabytes > 0.98 * model.parameters * 4 / (1 << 20)


@pytest.mark.parametrize("name", PUBLISHED)
def test_network_is_the_one_that_torchvision_makes_for_the_weights(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = get_model_weights(name).DEFAULT

    ours = construction(catalog.published(name).build, monkeypatch)
    theirs = construction(lambda: get_model(name, weights=weights), monkeypatch)

    assert ours == theirs


def test_comparison_of_networks_sees_a_single_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    build = get_model_builder("inception_v3")
    one, other = (
        construction(partial(build, transform_input=choice), monkeypatch)
        for choice in (True, False)
    )

    assert one != other


@pytest.mark.parametrize("name", [*MODELS[1:], "googlenet", "densenet121", "mnasnet1_3"])
def test_network_has_the_parameters_of_its_record_and_reads_its_own_file(
    name: str, tmp_path: Path
) -> None:
    model = catalog.published(name)
    with torch.device("meta"):
        network = model.build()
        copy = model.build()

    counted = sum(
        parameter.numel()
        for part, parameter in network.named_parameters()
        if name != "googlenet" or not part.startswith("aux")  # its record leaves them out
    )
    assert counted == model.parameters

    # A file that states shapes and holds nothing: the real one has half a gigabyte.
    torch.save(network.state_dict(), tmp_path / "net.pth")
    state = torch.load(tmp_path / "net.pth", weights_only=True)
    assert copy.load_state_dict(state, assign=True).missing_keys == []
    assert copy.state_dict().keys() == network.state_dict().keys()


def test_file_of_weights_is_read_as_it_was_written(tmp_path: Path) -> None:
    model = catalog.published("squeezenet1_1")
    network = model.build()
    torch.save(network.state_dict(), tmp_path / "net.pth")

    state = model.read(tmp_path / "net.pth")

    original: dict[str, Tensor] = network.state_dict()
    assert list(state) == list(original)
    assert all(torch.equal(state[name], original[name]) for name in original)


def test_versions_of_layers_are_read_with_the_weights(tmp_path: Path) -> None:
    model = catalog.published("mnasnet0_5")
    network = model.build()
    torch.save(network.state_dict(), tmp_path / "net.pth")

    state: Any = model.read(tmp_path / "net.pth")

    original: Any = network.state_dict()
    assert state._metadata == original._metadata
    model.build().load_state_dict(state)


def test_old_names_in_the_files_of_densenets_are_read_as_torchvision_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = catalog.published("densenet121")
    network = model.build()
    state: dict[str, Tensor] = network.state_dict()
    # They are also from before batches were counted.
    old = {
        re.sub(r"(layer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", name): tensor
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }
    assert old.keys() != state.keys()
    torch.save(old, tmp_path / "net.pth")

    ours = model.build()
    ours.load_state_dict(model.read(tmp_path / "net.pth"))
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda self, **options: dict(old))
    theirs = densenet.densenet121(weights="DEFAULT")

    assert ours.state_dict().keys() == theirs.state_dict().keys()
    assert all(map(torch.equal, ours.state_dict().values(), theirs.state_dict().values()))


class Trap:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return (Path.touch, (Path("trap-was-sprung"),))  # type: ignore[return-value]


def test_program_in_a_file_of_weights_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Trap()}, "net.pth")

    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        catalog.published("resnet18").read(Path("net.pth"))

    assert not Path("trap-was-sprung").exists()


def test_preprocessing_is_the_one_of_the_weights() -> None:
    for name in PUBLISHED:
        expected = get_model_weights(name).DEFAULT.transforms()
        assert repr(catalog.published(name).preprocess) == repr(expected)


def test_bundled_record_agrees_with_its_file_and_network() -> None:
    model = catalog.bundled()

    assert model.name == "tiny"
    assert isinstance(model.weights, Path)
    assert model.megabytes == pytest.approx(model.weights.stat().st_size / (1 << 20))
    assert model.megabytes < 20
    assert len(model.labels) == len(set(model.labels)) == 200
    assert set(model.labels) <= set(catalog.published("resnet18").labels)
    assert 0 <= model.accuracy <= 1
    assert model.judged_on == "Tiny ImageNet"
    network = model.build()
    assert sum(parameter.numel() for parameter in network.parameters()) == model.parameters
    network.load_state_dict(model.read(model.weights))
    assert model.read(model.weights).keys() == load_file(model.weights).keys()
    assert isinstance(model.preprocess, ImageClassification)


def test_bundled_labels_are_those_of_the_data() -> None:
    beside = catalog.BUNDLED_FILE.parents[3] / "shared" / "data" / "tiny-imagenet" / "classes.csv"
    if not beside.is_file():
        pytest.skip(f"the data is not here: no {beside}")

    rows = beside.read_text().splitlines()[1:]

    places = [int(row.rsplit(",", 1)[1]) for row in rows]
    categories = catalog.published("resnet18").labels
    assert catalog.bundled().labels == tuple(categories[place] for place in places)


def test_model_cannot_be_changed() -> None:
    model = catalog.bundled()

    with pytest.raises(dataclasses.FrozenInstanceError):
        model.accuracy = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("name", ["tiny", "resnet18"])
def test_the_work_that_a_picture_takes_is_counted(name: str) -> None:
    model = catalog.load([name])[name]
    side = model.preprocess(Image.new("RGB", (300, 300))).shape[-1]
    with (
        torch.device("meta"),  # nothing is computed
        torch.inference_mode(),
        FlopCounterMode(display=False) as counter,
    ):
        model.build().eval()(torch.empty(1, 3, side, side))

    # It counts multiplications and additions, torchvision both as one.
    assert counter.get_total_flops() / 2e9 == pytest.approx(model.gigaflops, abs=0.001)
