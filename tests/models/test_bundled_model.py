from pathlib import Path

import pytest
from safetensors.torch import load_file
from torchvision.transforms._presets import ImageClassification

from classifier.models import bundled_model, torchvision_models
from classifier.settings import PROJECT

CLASSES = PROJECT.parent / "shared" / "data" / "tiny-imagenet" / "classes.csv"


def test_the_facts_agree_with_the_file_and_the_network() -> None:
    model = bundled_model.load()

    assert model.name == "tiny"
    assert isinstance(model.weights, Path)
    assert model.megabytes == pytest.approx(model.weights.stat().st_size / (1 << 20))
    assert model.megabytes < 20
    assert len(model.labels) == len(set(model.labels)) == 200
    assert set(model.labels) <= set(torchvision_models.load("resnet18").labels)
    assert 0 <= model.accuracy <= 1
    assert model.evaluated_on == "Tiny ImageNet"
    network = model.build()
    assert sum(parameter.numel() for parameter in network.parameters()) == model.parameters
    network.load_state_dict(model.read(model.weights))
    assert model.read(model.weights).keys() == load_file(model.weights).keys()
    assert isinstance(model.preprocess, ImageClassification)


def test_the_labels_are_those_of_the_training_data() -> None:
    if not CLASSES.is_file():
        pytest.skip(f"the training data is not on this machine: no {CLASSES}")

    rows = CLASSES.read_text().splitlines()[1:]

    indices = [int(row.rsplit(",", 1)[1]) for row in rows]
    categories = torchvision_models.load("resnet18").labels
    assert bundled_model.load().labels == tuple(categories[index] for index in indices)
