import numpy
import pytest
from PIL import Image

from classifier.inference.heatmaps import COLOURS, STRENGTH, View, colour_layer, overlay, upsample

CORNER = ((1.0, 0.0), (0.0, 0.0))
WHOLE = View(0, 0, 1, 1)


def test_a_heatmap_is_placed_at_its_view_in_the_whole_picture() -> None:
    whole = upsample(CORNER, View(0.25, 0, 0.75, 1), (200, 80))

    assert whole.shape == (80, 200)
    assert whole[:, :50].max() == whole[:, 150:].max() == 0
    assert (whole.max(), whole[0, 50]) == (1, 1)
    assert whole[0, 51:149].tolist() == sorted(whole[0, 51:149], reverse=True)
    assert whole[-1].max() == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 2)])
def test_pictures_of_every_size_can_have_a_heatmap(size: tuple[int, int]) -> None:
    view = View(0.4995, 0.4995, 0.5005, 0.5005)

    assert upsample(CORNER, view, size).shape == size[::-1]
    assert overlay(Image.new("RGB", size), CORNER, view).size == size


def luminance(colour: tuple[int, int, int]) -> float:
    """Returns the relative luminance of an sRGB colour, in 0-1."""
    light = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return float(numpy.dot(light, [0.2126, 0.7152, 0.0722]))


def test_lightness_increases_evenly_with_the_value() -> None:
    ramp = colour_layer([[step / 63 for step in range(64)]])
    row = [luminance(ramp.getpixel((x, 0))) for x in range(ramp.width)]  # type: ignore[arg-type]

    # CIE L* is the lightness that people perceive, so the order is visible without colours.
    lightness = numpy.cbrt(row) * 116 - 16
    steps = numpy.diff(lightness[16:-16:16])
    assert (steps > 0).all()
    assert steps.max() < 3 * steps.min()


def test_0_and_1_have_the_first_and_the_last_colour() -> None:
    assert colour_layer([[0.0]]).getpixel((0, 0)) == COLOURS[0]
    assert colour_layer([[1.0]]).getpixel((9, 9)) == COLOURS[-1]


def test_an_overlay_blends_the_view_with_colours_and_the_rest_with_grey() -> None:
    picture = Image.new("RGB", (100, 50), (10, 200, 10))
    shown = overlay(picture, [[1.0]], View(0.25, 0, 0.75, 1))

    mixed = [round(p + STRENGTH * (c - p)) for p, c in zip((10, 200, 10), COLOURS[-1], strict=True)]
    assert shown.size == picture.size
    assert shown.getpixel((50, 25)) == pytest.approx(mixed, abs=1)
    assert shown.getpixel((25, 0)) == shown.getpixel((74, 49)) == shown.getpixel((50, 25))
    for outside in ((0, 0), (24, 25), (75, 25), (99, 49)):
        red, green, blue = shown.getpixel(outside)  # type: ignore[misc]
        assert red == blue
        assert 90 < red < green < 150
