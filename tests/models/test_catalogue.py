import re
from typing import Any

import pytest

from classifier.errors import SettingError
from classifier.models import catalogue, torchvision_models
from classifier.settings import MODELS

EXPECTED = (
    "efficientnet_lite0, tiny, a torchvision classifier, timm/NAME, ./FOLDER or hf-hub:USER/NAME"
)


def test_the_default_model_and_all_torchvision_classifiers_are_available() -> None:
    expected = ["efficientnet_lite0", "tiny", *torchvision_models.available()]
    assert catalogue.available() == expected


def test_default_models_are_loaded_in_order() -> None:
    models = catalogue.load(MODELS)

    assert tuple(models) == MODELS
    assert [model.name for model in models.values()] == list(MODELS)


def test_the_catalogue_cannot_be_changed() -> None:
    models: Any = catalogue.load(["tiny"])

    with pytest.raises(TypeError, match="does not support item assignment"):
        models["other"] = models["tiny"]


@pytest.mark.parametrize(
    ("name", "closest"),
    [
        ("resnet19", "resnet18"),
        ("ResNet18", "resnet18"),
        ("vgg-16", "vgg16"),
        ("inception", "inception_v3"),
        ("tinny", "tiny"),
        ("resnet18 ", "resnet18"),
    ],
)
def test_the_error_for_an_unknown_model_shows_the_closest_names(name: str, closest: str) -> None:
    with pytest.raises(SettingError) as caught:
        catalogue.load(["tiny", name])

    count = len(catalogue.available())
    text = str(caught.value)
    assert text.startswith(
        f"CLASSIFIER_MODELS is {name!r}; expected {EXPECTED} (the closest of {count} valid names: "
    )
    assert closest in re.split(r"[:,] |\)", text)


@pytest.mark.parametrize(
    "name", ["qqqq", "fcn_resnet50", "quantized_resnet18", "raft_large", "fasterrcnn_resnet50_fpn"]
)
def test_a_model_that_is_not_an_image_classifier_is_refused(name: str) -> None:
    with pytest.raises(SettingError, match=f"CLASSIFIER_MODELS is '{name}'; expected {EXPECTED}"):
        catalogue.load([name])
