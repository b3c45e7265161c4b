"""State dictionaries for architectures of torchvision."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import MobileNet_V3_Small_Weights, mobilenet_v3_small

from classifier.errors import ModelError
from classifier.models import catalogue
from classifier.models.model import Model
from tests.models.test_torchvision_models import Trap
from tests.support import agreement
from tests.support.picture_files import scene

LABELS = ("daisy", "rose", "tulip")


def save(folder: Path, suffix: str = ".safetensors") -> nn.Module:
    """Saves a network with random weights, and returns it."""
    folder.mkdir(exist_ok=True)
    torch.manual_seed(0)
    network: nn.Module = mobilenet_v3_small(num_classes=3).eval()
    agreement.spread(network, MobileNet_V3_Small_Weights.DEFAULT.transforms()(scene()).unsqueeze(0))
    file = folder / f"model{suffix}"
    if suffix == ".pth":
        torch.save(network.state_dict(), file)
    else:
        save_file(network.state_dict(), file)
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    (folder / "architecture.txt").write_text("mobilenet_v3_small\n")
    return network


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_prediction_agrees_with_torchvision(
    find: Callable[[Path], Model], tmp_path: Path, suffix: str
) -> None:
    network = save(tmp_path / "flowers", suffix)

    model = find(tmp_path / "flowers")

    assert model.labels == LABELS
    with torch.inference_mode():
        pixels = MobileNet_V3_Small_Weights.DEFAULT.transforms()(scene()).unsqueeze(0)
        expected = network(pixels).softmax(1)[0]
    agreement.check(model, expected, scene(), tmp_path)


def test_preprocessing_json_replaces_the_one_of_torchvision(tmp_path: Path) -> None:
    network = save(tmp_path)
    (tmp_path / "preprocessing.json").write_text(
        json.dumps({"size": 96, "crop": False, "mean": 0.5, "std": 0.5})
    )

    model = catalogue.find(str(tmp_path))

    assert model.input_shape == (3, 96, 96)
    with torch.inference_mode():
        expected = network(model.preprocessing.apply(scene()).unsqueeze(0)).softmax(1)[0]
    found = agreement.prediction_of(model, scene(), tmp_path).predictions
    assert {top.label: top.probability for top in found} == pytest.approx(
        dict(zip(LABELS, expected.tolist(), strict=True)), abs=1e-4
    )


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "labels.txt",
            "a\nb\n",
            "model.safetensors has a tensor classifier.3.weight of shape (3, 10",
        ),
        ("labels.txt", "a\n\nc\n", "labels.txt is empty on line 2; expected a label on each line."),
        ("labels.txt", "a\n", "labels.txt has 1 labels; expected two or more, one a line."),
        ("labels.txt", b"\xff\xfe\xfa", "labels.txt is not a text in UTF-8."),
        ("architecture.txt", "resnet19", "architecture.txt names the architecture 'resnet19'; exp"),
        ("architecture.txt", "mobilenet_v3_large", "model.safetensors has "),
        ("preprocessing.json", "[1]", "preprocessing.json contains [1]; expected an object."),
        ("preprocessing.json", "{", "preprocessing.json is not JSON: "),
        ("preprocessing.json", '{"sise": 1}', "preprocessing.json has the key 'sise'; expected"),
        ("preprocessing.json", '{"size": 0}', "preprocessing.json has size 0; expected pixels fro"),
        ("preprocessing.json", '{"size": "9"}', "preprocessing.json has size '9'; expected pixels"),
        ("preprocessing.json", '{"resize": 9}', "preprocessing.json has resize 9; expected pixels"),
        (
            "preprocessing.json",
            '{"crop": 2}',
            "preprocessing.json has crop 2; expected true, false",
        ),
        (
            "preprocessing.json",
            '{"mean": 99}',
            "preprocessing.json has mean 99; expected at most 1",
        ),
        ("preprocessing.json", '{"mean": [1]}', "preprocessing.json has mean [1]; expected a numb"),
        ("preprocessing.json", '{"std": 0}', "preprocessing.json has std 0; expected a number ot"),
        ("preprocessing.json", '{"range": -1}', "preprocessing.json has range -1; expected the la"),
        ("preprocessing.json", '{"layout": 1}', "preprocessing.json has layout 1; expected NCHW"),
        ("preprocessing.json", '{"channels": "X"}', "preprocessing.json has channels 'X'; expecte"),
        ("preprocessing.json", '{"interpolation": []}', "preprocessing.json has interpolation []"),
    ],
)
def test_what_does_not_fit_is_explained(
    tmp_path: Path, file: str, content: str | bytes, message: str
) -> None:
    save(tmp_path)
    (tmp_path / file).write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(ModelError) as caught:
        catalogue.find(str(tmp_path))

    assert str(caught.value).startswith(f"{tmp_path}/{message}")
    assert len(str(caught.value).splitlines()) == 1


def test_a_fraction_to_keep_sets_the_size_before_the_crop(tmp_path: Path) -> None:
    save(tmp_path)
    (tmp_path / "preprocessing.json").write_text('{"size": 96, "crop": 0.875}')

    preprocessing = catalogue.find(str(tmp_path)).preprocessing

    assert (preprocessing.fit, preprocessing.resize_pixels) == ("crop", 109)
    assert preprocessing.apply(scene()).shape == (3, 96, 96)


def test_code_in_a_file_of_weights_is_not_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, ".pth")
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Trap()}, "model.pth")

    with pytest.raises(ModelError, match=r"model.pth is not a state dictionary that can be read"):
        catalogue.find(str(tmp_path))

    assert not Path("trap-was-sprung").exists()


def test_labels_that_stand_twice_are_told_apart(tmp_path: Path) -> None:
    save(tmp_path)
    (tmp_path / "labels.txt").write_text("\ufeffcrane\r\ncrane\r\nowl", "utf-8")

    assert catalogue.find(str(tmp_path)).labels == ("crane", "crane (2)", "owl")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has neither config.json nor labels.txt"),
        ({"config.json": "{}"}, "config.json has neither the key architecture, as timm writes"),
        ({"config.json": "x"}, "config.json is not JSON"),
        ({"labels.txt": "a\nb"}, "has no file model.onnx."),
    ],
)
def test_a_folder_without_a_model_is_explained(
    find: Callable[[Path], Model], tmp_path: Path, files: dict[str, str], message: str
) -> None:
    folder = tmp_path / "flowers"
    folder.mkdir()
    (folder / "README.md").write_text("A model.")
    for name, text in files.items():
        (folder / name).write_text(text)

    with pytest.raises(ModelError, match=message):
        find(folder)


def test_a_folder_that_does_not_exist_is_explained() -> None:
    with pytest.raises(ModelError) as caught:
        catalogue.find("./nothing")

    assert str(caught.value) == "./nothing is not a folder; expected one with the files of a model."
