"""The pictures in the repository, and the predictions of the default model for them."""

import re

import pytest
from PIL import Image

from classifier.models import imagenet
from tests.support.readme import GALLERY, Sample, samples
from tests.support.server import PROJECT

NAMES = sorted(path.name for path in GALLERY.glob("*.jpg"))


@pytest.fixture(scope="module")
def answers() -> dict[str, Sample]:
    return {sample.name: sample for sample in samples()}


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_small_and_named_after_a_label(answers: dict[str, Sample], name: str) -> None:
    assert (GALLERY / name).stat().st_size <= 150_000
    assert answers[name].label in imagenet.labels()
    with Image.open(GALLERY / name) as opened:
        assert opened.size == (512, 512)


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_shows_the_prediction(answers: dict[str, Sample], name: str) -> None:
    text = (GALLERY / "README.md").read_text()
    found = re.search(rf"\| `{name}` \| (.*) \| (\d+)% \| (.*) \|", text)
    assert found
    answer = answers[name]

    assert found[1].strip("*") == answer.first
    assert found[3] == str(answer.place or "not among the five")
    assert int(found[2]) == pytest.approx(100 * answer.probability, abs=1)


def test_there_are_enough_different_pictures(answers: dict[str, Sample]) -> None:
    assert len(answers) >= 24
    assert len({answer.label for answer in answers.values()}) >= 20


def test_nearly_all_predictions_are_right(answers: dict[str, Sample]) -> None:
    places = [answer.place for answer in answers.values()]

    assert places.count(1) >= 24
    assert None not in places


def test_the_readme_shows_the_contact_sheet() -> None:
    assert (PROJECT / "docs" / "images.jpg").is_file()
    assert "(../docs/images.jpg)" in (GALLERY / "README.md").read_text()
