"""Heat maps as pictures: values in 0-1 become colours over the picture they belong to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from PIL import Image

# "Inferno" of Smith and van der Walt (2015, CC0) at nine points: lightness grows evenly, so
# that it can be read by the colour-blind and in print.
COLOURS = (
    (0, 0, 4),
    (33, 12, 74),
    (87, 16, 110),
    (138, 34, 106),
    (188, 55, 84),
    (228, 90, 49),
    (249, 142, 9),
    (249, 203, 53),
    (252, 255, 164),
)
STRENGTH = 0.6
UNSEEN = (128, 128, 128)
UNSEEN_STRENGTH = 0.75
LAYER_PIXELS = 256

Places = Sequence[Sequence[float]]


@dataclass(frozen=True)
class View:
    """A part of a picture, in parts of its width and height from the top left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def box(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """The part in pixels of a picture of a size (width, height)."""
        width, height = size
        left, top = round(self.left * width), round(self.top * height)
        return (
            left,
            top,
            max(left + 1, round(self.right * width)),
            max(top + 1, round(self.bottom * height)),
        )


def spread(places: Places, view: View, size: tuple[int, int]) -> NDArray[numpy.float32]:
    """The values of the rows of a view over a whole picture of a size (width, height).

    An array (height, width) in 0-1, smooth within the view and 0 outside it.
    """
    left, top, right, bottom = view.box(size)
    whole = numpy.zeros((size[1], size[0]), numpy.float32)
    whole[top:bottom, left:right] = _smooth(places, (right - left, bottom - top))
    return whole


def layer(places: Places) -> Image.Image:
    """The values as colours, to lie over the view; RGB, square."""
    return _coloured(_smooth(places, (LAYER_PIXELS, LAYER_PIXELS)))


def overlay(picture: Image.Image, places: Places, view: View) -> Image.Image:
    """An RGB picture under its heat map; what lies outside the view is greyed."""
    shown = Image.blend(picture, Image.new("RGB", picture.size, UNSEEN), UNSEEN_STRENGTH)
    box = left, top, right, bottom = view.box(picture.size)
    colours = _coloured(_smooth(places, (right - left, bottom - top)))
    shown.paste(Image.blend(picture.crop(box), colours, STRENGTH), box)
    return shown


def _smooth(places: Places, size: tuple[int, int]) -> NDArray[numpy.float32]:
    values = Image.fromarray(numpy.asarray(places, numpy.float32))
    return numpy.asarray(values.resize(size, Image.Resampling.BILINEAR))


def _coloured(values: NDArray[numpy.float32]) -> Image.Image:
    steps = numpy.linspace(0, 1, len(COLOURS))
    channels = [numpy.interp(values, steps, channel) for channel in zip(*COLOURS, strict=True)]
    return Image.fromarray(numpy.stack(channels, axis=2).round().astype(numpy.uint8))
