"""Models that timm has saved."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch

from classifier.errors import ModelError
from classifier.inference.explanation import explain
from classifier.models import catalogue
from classifier.models.model import Model
from tests.support import agreement
from tests.support.picture_files import encode, scene

LABELS = ["daisy", "rose", "tulip"]


def save(folder: Path, name: str = "resnet10t", labels: Any = LABELS, **options: Any) -> Any:
    """Saves a network with random weights, and returns it."""
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=3).eval()
    agreement.spread(network, pixels(network))
    timm.models.save_for_hf(network, str(folder), model_config={"label_names": labels}, **options)
    return network


def pixels(network: Any) -> torch.Tensor:
    config = timm.data.resolve_model_data_config(network)
    tensor: torch.Tensor = timm.data.create_transform(**config, is_training=False)(scene())
    return tensor.unsqueeze(0)


@pytest.mark.parametrize("safe", [True, False], ids=["safetensors", "bin"])
def test_a_prediction_agrees_with_timm(
    find: Callable[[Path], Model], tmp_path: Path, safe: bool
) -> None:
    network = save(tmp_path / "flowers", safe_serialization=safe)

    model = find(tmp_path / "flowers")

    assert model.labels == tuple(LABELS)
    assert model.parameters == sum(parameter.numel() for parameter in network.parameters())
    with torch.inference_mode():
        expected = network(pixels(network)).softmax(1)[0]
    agreement.check(model, expected, scene(), tmp_path)


def test_a_model_with_three_labels_can_be_explained(tmp_path: Path) -> None:
    save(tmp_path / "flowers", "vit_tiny_patch16_224")
    model = catalogue.find(str(tmp_path / "flowers"))
    classifier = agreement.classifier_of(model, tmp_path)

    explanation = explain(classifier, encode(scene(), "PNG"), "scene.png", model)

    assert {one.label for one in explanation.heatmaps} == set(LABELS)


def test_descriptions_of_labels_are_used(tmp_path: Path) -> None:
    save(tmp_path, safe_serialization=True)
    change(tmp_path, label_descriptions={"daisy": "white flower", "rose": "red flower"})

    assert catalogue.find(str(tmp_path)).labels == ("white flower", "red flower", "tulip")


def change(folder: Path, **values: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "resnet10q"}, "config.json names the architecture 'resnet10q', which"),
        ({"architecture": 3}, "config.json names the architecture 3, which timm does not have"),
        ({"label_names": ["a", "b"]}, "config.json has 2 label_names; expected 3, one for each"),
        ({"label_names": "abc"}, "config.json has label_names 'abc'; expected a list of names."),
        ({"model_args": {"num_classes": 5}}, "config.json has 3 label_names; expected 5"),
        (
            {"model_args": {"num_classes": 5}, "label_names": list("abcde")},
            "model.safetensors has a tensor fc.weight of shape (3, 512); expected (5, 512)",
        ),
        (
            {"architecture": "resnet14t"},
            "model.safetensors has a tensor layer1.0.conv1.weight of shape",
        ),
        ({"pretrained_cfg": 5}, "config.json does not describe a network of timm"),
        ({"model_args": {"nonsense": 1}}, "config.json does not describe a network of timm"),
    ],
)
def test_what_does_not_fit_is_explained(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    save(tmp_path, safe_serialization=True)
    change(tmp_path, **changes)

    with pytest.raises(ModelError) as caught:
        catalogue.find(str(tmp_path))

    assert str(caught.value).startswith(f"{tmp_path}/{message}")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"garbage" * 100])
def test_damaged_weights_are_explained(tmp_path: Path, content: bytes) -> None:
    save(tmp_path, safe_serialization=True)
    (tmp_path / "model.safetensors").write_bytes(content)

    with pytest.raises(ModelError, match=r"model.safetensors is not a state dictionary that can"):
        catalogue.find(str(tmp_path))


def test_missing_weights_are_explained(find: Callable[[Path], Model], tmp_path: Path) -> None:
    save(tmp_path / "flowers", safe_serialization=True)
    (tmp_path / "flowers" / "model.safetensors").unlink()

    with pytest.raises(ModelError, match=r"has no file model.safetensors or pytorch_model.bin\."):
        find(tmp_path / "flowers")
