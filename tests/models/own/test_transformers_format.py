"""Models that transformers has saved."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from classifier.errors import ModelError
from classifier.inference.explanation import explain
from classifier.models import catalogue
from classifier.models.model import Model
from classifier.models.own.transformers_format import import_transformers
from tests.support import agreement
from tests.support.picture_files import encode, scene

LABELS = ("daisy", "rose", "tulip")
NAMES = dict(enumerate(LABELS))
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def create(kind: str) -> tuple[Any, Any]:
    """Returns a small network with random weights, and its processor."""
    transformers = import_transformers()
    torch.manual_seed(0)
    if kind == "vit":
        config = transformers.ViTConfig(
            id2label=NAMES, image_size=64, intermediate_size=64, **SMALL
        )
        processor = transformers.ViTImageProcessor(size={"height": 64, "width": 64})
        network = transformers.ViTForImageClassification(config)
    elif kind == "resnet":
        config = transformers.ResNetConfig(
            id2label=NAMES, embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1]
        )
        processor = transformers.ConvNextImageProcessor(size={"shortest_edge": 64}, crop_pct=0.8)
        network = transformers.ResNetForImageClassification(config)
    else:
        config = transformers.MobileNetV2Config(id2label=NAMES, depth_multiplier=0.35)
        processor = transformers.MobileNetV2ImageProcessor(
            size={"shortest_edge": 72}, crop_size={"height": 64, "width": 64}
        )
        network = transformers.MobileNetV2ForImageClassification(config)
    network.eval()
    agreement.spread(network, processor(images=scene(), return_tensors="pt")["pixel_values"])
    return network, processor


def save(folder: Path, kind: str = "vit") -> tuple[Any, Any]:
    network, processor = create(kind)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    return network, processor


@pytest.mark.parametrize("kind", ["vit", "resnet", "mobilenet"])
def test_a_prediction_agrees_with_transformers(
    find: Callable[[Path], Model], tmp_path: Path, kind: str
) -> None:
    network, processor = save(tmp_path / "flowers", kind)

    model = find(tmp_path / "flowers")

    assert model.labels == LABELS
    assert model.parameters == sum(parameter.numel() for parameter in network.parameters())
    with torch.inference_mode():
        pixels = processor(images=scene(), return_tensors="pt")["pixel_values"]
        expected = network(pixels).logits.softmax(1)[0]
    agreement.check(model, expected, scene(), tmp_path)


@pytest.mark.parametrize(
    ("kind", "fit", "pixels"),
    [("vit", "squash", 64), ("resnet", "crop", 80), ("mobilenet", "crop", 72)],
)
def test_a_prediction_can_be_explained(tmp_path: Path, kind: str, fit: str, pixels: int) -> None:
    save(tmp_path / "flowers", kind)
    model = catalogue.find(str(tmp_path / "flowers"))
    classifier = agreement.classifier_of(model, tmp_path)

    explanation = explain(classifier, encode(scene(), "PNG"), "scene.png", model)

    assert {one.label for one in explanation.heatmaps} == set(LABELS)
    assert (model.preprocessing.fit, model.preprocessing.resize_pixels) == (fit, pixels)


def change(folder: Path, **values: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "nonsense"}, "config.json does not describe an image classifier of tr"),
        ({"model_type": "bert"}, "config.json does not describe an image classifier of transf"),
        (
            {"id2label": {0: "a", 1: "b"}},
            "model.safetensors has a tensor classifier.weight of shape",
        ),
    ],
)
def test_what_does_not_fit_is_explained(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    save(tmp_path)
    change(tmp_path, **changes)

    with pytest.raises(ModelError) as caught:
        catalogue.find(str(tmp_path))

    assert str(caught.value).startswith(f"{tmp_path}/{message}")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("file", ["preprocessor_config.json", "model.safetensors"])
def test_a_missing_file_is_explained(tmp_path: Path, file: str) -> None:
    save(tmp_path)
    (tmp_path / file).unlink()

    with pytest.raises(ModelError) as caught:
        catalogue.find(str(tmp_path))

    assert str(caught.value) == f"{tmp_path} has no file {file}."


def test_code_of_a_model_is_not_executed(tmp_path: Path) -> None:
    save(tmp_path)
    sprung = tmp_path / "trap-was-sprung"
    (tmp_path / "own_code.py").write_text(f"open({str(sprung)!r}, 'w')\nclass Own: pass\n")
    change(
        tmp_path,
        model_type="own",
        auto_map={"AutoConfig": "own_code.Own", "AutoModelForImageClassification": "own_code.Own"},
    )

    with pytest.raises(ModelError):
        catalogue.find(str(tmp_path))

    assert not sprung.exists()


def test_transformers_is_needed_only_for_its_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path)
    monkeypatch.setitem(sys.modules, "transformers", None)

    with pytest.raises(ModelError, match=r"transformers is not installed.* pip install transf"):
        catalogue.find(str(tmp_path))
