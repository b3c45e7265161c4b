import pytest
from safetensors.torch import load_file
from torchvision.transforms._presets import ImageClassification

from classifier.models import bundled_model, torchvision_models
from classifier.models.weights import LocalWeights
from classifier.settings import PROJECT
from tests.support.small_models import trained

CLASSES = PROJECT.parent / "shared" / "data" / "tiny-imagenet" / "classes.csv"


def test_the_facts_agree_with_the_file_and_the_network() -> None:
    model = bundled_model.load()

    assert model.name == "tiny"
    assert isinstance(model.weights, LocalWeights)
    assert model.megabytes == pytest.approx(model.weights.path.stat().st_size / (1 << 20))
    assert model.megabytes < 20
    assert len(model.labels) == len(set(model.labels)) == 200
    assert set(model.labels) <= set(torchvision_models.load("resnet18").labels)
    assert model.accuracy is not None
    assert 0 <= model.accuracy <= 1
    assert model.evaluated_on == "Tiny ImageNet"
    network = trained(model)
    assert sum(parameter.numel() for parameter in network.parameters()) == model.parameters
    assert network.state_dict().keys() == load_file(model.weights.path).keys()
    assert isinstance(model.preprocessing.apply, ImageClassification)


def test_the_labels_are_those_of_the_training_data() -> None:
    if not CLASSES.is_file():
        pytest.skip(f"the training data is not on this machine: no {CLASSES}")

    rows = CLASSES.read_text().splitlines()[1:]

    indices = [int(row.rsplit(",", 1)[1]) for row in rows]
    categories = torchvision_models.load("resnet18").labels
    assert bundled_model.load().labels == tuple(categories[index] for index in indices)
