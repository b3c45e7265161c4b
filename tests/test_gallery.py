"""The pictures that ship with the repository, and what the bundled model makes of them."""

import re

import pytest
from PIL import Image

from classifier import catalog
from tests.readme import GALLERY, Sample, samples
from tests.serving import PROJECT

NAMES = sorted(path.name for path in GALLERY.glob("*.jpg"))


@pytest.fixture(scope="module")
def answers() -> dict[str, Sample]:
    return {sample.name: sample for sample in samples()}


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_small_and_named_by_one_of_the_labels(
    answers: dict[str, Sample], name: str
) -> None:
    assert (GALLERY / name).stat().st_size <= 150_000
    assert answers[name].label in catalog.bundled().labels
    with Image.open(GALLERY / name) as opened:
        assert opened.size == (512, 512)


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_the_one_that_the_readme_shows(answers: dict[str, Sample], name: str) -> None:
    text = (GALLERY / "README.md").read_text()
    found = re.search(rf"\| `{name}` \| (.*) \| (\d+)% \| (.*) \|", text)
    assert found
    answer = answers[name]

    assert found[1].strip("*") == answer.first
    assert found[3] == str(answer.place or "not among the five")
    assert int(found[2]) == pytest.approx(100 * answer.probability, abs=1)


def test_there_are_enough_pictures_of_different_things(answers: dict[str, Sample]) -> None:
    assert len(answers) >= 24
    assert len({answer.label for answer in answers.values()}) >= 20


def test_the_right_label_is_first_for_half_and_among_the_five_for_most(
    answers: dict[str, Sample],
) -> None:
    places = [answer.place for answer in answers.values()]

    assert sum(place == 1 for place in places) >= len(places) / 2
    assert sum(place is not None for place in places) >= 0.9 * len(places)


def test_some_pictures_fool_the_model(answers: dict[str, Sample]) -> None:
    """A demonstration that shows how a model fails teaches more."""
    assert sum(answer.place != 1 for answer in answers.values()) >= 2


def test_the_contact_sheet_is_there_and_shown() -> None:
    assert (PROJECT / "docs" / "images.jpg").is_file()
    assert "(../docs/images.jpg)" in (GALLERY / "README.md").read_text()
