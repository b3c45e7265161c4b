from pathlib import Path

import pytest

from classifier import Settings
from classifier.errors import InputError, UnknownNameError
from classifier.inference.async_classifier import AsyncClassifier
from classifier.pictures.source import PictureSource
from tests.support.picture_files import encode, scene
from tests.support.server import run


@pytest.fixture
def classifier(tmp_path: Path) -> AsyncClassifier:
    return AsyncClassifier.from_settings(
        Settings(models=("resnet18", "tiny"), device="cpu", concurrency=3, cache=tmp_path)
    )


def picture() -> PictureSource:
    return PictureSource(encode(scene(40, 30), "PNG"), "scene.png")


def test_models_that_need_no_download_come_first(classifier: AsyncClassifier) -> None:
    assert list(classifier.catalogue) == ["resnet18", "tiny"]
    assert [model.name for model in classifier.ready_first()] == ["tiny", "resnet18"]


def test_predictions_and_explanations_are_timed(classifier: AsyncClassifier) -> None:
    tiny = classifier.model("tiny")
    assert classifier.seconds("tiny") == 0

    prediction = run(classifier.predict(picture(), tiny))
    assert classifier.seconds("tiny") == prediction.seconds
    run(classifier.explain(picture(), tiny))

    assert classifier.seconds("tiny") != prediction.seconds
    assert classifier.timings.median("resnet18") is None


def test_a_wrong_label_is_refused_before_a_download(classifier: AsyncClassifier) -> None:
    resnet18 = classifier.model("resnet18")

    with pytest.raises(UnknownNameError, match="No label of resnet18 is called 'unicorn'"):
        run(classifier.explain(picture(), resnet18, "unicorn"))
    with pytest.raises(InputError):
        run(classifier.explain(picture(), resnet18, ["tench"]))

    assert not classifier.is_downloaded(resnet18)


def test_the_capacity_is_the_concurrency(classifier: AsyncClassifier) -> None:
    assert classifier.backend.capacity == 3
    assert classifier.backend.problem() is None
