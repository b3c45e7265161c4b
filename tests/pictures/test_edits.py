import math
from typing import Any

import numpy
import pytest
from PIL import Image, ImageOps

from classifier.errors import InputError
from classifier.pictures.edits import CHANNELS, MAX_SIDE, Edits, histogram, limit_size
from tests.support.picture_files import scene


def values(picture: Image.Image) -> Any:
    return numpy.asarray(picture).astype(float)


def assert_equal(one: Image.Image, other: Image.Image) -> None:
    """Checks every pixel. Comparing arrays is much faster than comparing lists."""
    assert one.size == other.size
    assert numpy.array_equal(numpy.asarray(one), numpy.asarray(other))


def test_empty_edits_do_not_change_a_picture() -> None:
    assert not Edits()
    assert str(Edits()) == ""
    assert_equal(Edits().apply(scene()), scene())


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        (Edits(flip="horizontal"), ImageOps.mirror(scene())),
        (Edits(flip="vertical"), ImageOps.flip(scene())),
        (Edits(rotation=90), scene().transpose(Image.Transpose.ROTATE_270)),
        (Edits(rotation=-90), scene().transpose(Image.Transpose.ROTATE_90)),
        (Edits(rotation=180), scene().transpose(Image.Transpose.ROTATE_180)),
        (Edits(colour=0), scene().convert("L").convert("RGB")),
        (Edits(brightness=0), Image.new("RGB", scene().size)),
    ],
    ids=lambda value: str(value) if isinstance(value, Edits) else "",
)
def test_an_edit_does_what_its_name_says(edits: Edits, expected: Image.Image) -> None:
    assert edits
    assert_equal(edits.apply(scene()), expected)


def test_factors_below_1_reduce_and_factors_above_1_increase() -> None:
    picture = scene()
    assert values(Edits(brightness=0.5).apply(picture)).mean() < values(picture).mean()
    assert values(Edits(brightness=1.5).apply(picture)).mean() > values(picture).mean()
    assert values(Edits(contrast=0.5).apply(picture)).std() < values(picture).std()
    assert values(Edits(contrast=1.5).apply(picture)).std() > values(picture).std()
    colourful = values(picture).std(axis=2).mean()
    assert values(Edits(colour=0.5).apply(picture)).std(axis=2).mean() < colourful
    assert values(Edits(colour=1.5).apply(picture)).std(axis=2).mean() > colourful

    def edges(edited: Image.Image) -> float:
        return float(numpy.abs(numpy.diff(values(edited), axis=1)).mean())

    assert edges(Edits(sharpness=0).apply(picture)) < edges(picture)
    assert edges(Edits(sharpness=3).apply(picture)) > edges(picture)


def test_the_corners_of_a_rotated_picture_are_white() -> None:
    rotated = Edits(rotation=45, brightness=0).apply(scene(100, 100))

    assert rotated.width > 100
    assert rotated.getpixel((0, 0)) == (255, 255, 255)
    assert rotated.getpixel((rotated.width // 2, rotated.height // 2)) == (0, 0, 0)


@pytest.mark.parametrize("size", [(4000, 20), (3, 5000), (1, 1), (2000, 1500)])
def test_pictures_of_every_size_are_edited_at_a_limited_size(size: tuple[int, int]) -> None:
    picture = Image.new("RGB", size, "red")
    edits = Edits(1.5, 1.5, 1.5, 1.5, 30, "vertical")

    assert max(limit_size(picture).size) <= MAX_SIDE
    assert max(edits.apply(picture).size) <= 1.5 * MAX_SIDE


@pytest.mark.parametrize("name", ["colour", "brightness", "contrast", "sharpness"])
@pytest.mark.parametrize(
    "value", [-0.1, 3.1, math.nan, math.inf, 10**400, "2", None, True, [1], {}], ids=repr
)
def test_an_invalid_factor_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"{name} is .*; expected a number from 0 to 3"):
        Edits(**{name: value})


@pytest.mark.parametrize("value", [-181, 180.5, math.nan, "90", None, False])
def test_an_invalid_rotation_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match="expected a number from -180 to 180"):
        Edits(rotation=value)


@pytest.mark.parametrize("value", ["left", "", None, 1, ["none"]])
def test_an_invalid_flip_is_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"No flip is called .*; valid: none, horizontal"):
        Edits(flip=value)


def test_edits_are_created_from_a_mapping() -> None:
    assert Edits.from_values(None) == Edits()
    assert Edits.from_values({"brightness": 2, "flip": "vertical"}) == Edits(
        brightness=2, flip="vertical"
    )
    with pytest.raises(InputError, match="No edit is called 'blur'; valid: colour, brightness"):
        Edits.from_values({"blur": 1})
    with pytest.raises(InputError, match="expected a mapping of names to values"):
        Edits.from_values([1, 2])


def test_edits_are_described_in_words() -> None:
    edits = Edits(brightness=1.5, flip="horizontal", rotation=-15)
    assert str(edits) == "brightness × 1.5, flipped left to right, rotated 15° left"


def test_a_histogram_counts_the_pixels_with_each_value() -> None:
    picture = Image.new("RGB", (10, 10), (200, 100, 50))
    picture.paste((0, 0, 255), (0, 0, 5, 2))
    counts = histogram(picture)

    assert tuple(counts) == CHANNELS
    assert [len(counts[name]) for name in CHANNELS] == [256] * 4
    assert (counts["red"][200], counts["red"][0]) == (90, 10)
    assert (counts["green"][100], counts["green"][0]) == (90, 10)
    assert (counts["blue"][50], counts["blue"][255]) == (90, 10)
    # 0.299 red, 0.587 green, 0.114 blue
    assert (counts["luminance"][124], counts["luminance"][29]) == (90, 10)
