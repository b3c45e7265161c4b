"""Heatmaps as pictures: values in 0-1 become colours over a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray
from PIL import Image

# Nine points of "Inferno" by Smith and van der Walt (2015, CC0). Its lightness grows evenly, so
# it works for colour-blind people and in print.
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
UNUSED_COLOUR = (128, 128, 128)  # for the parts of a picture outside the view
UNUSED_STRENGTH = 0.75
LAYER_PIXELS = 256

Heatmap = Sequence[Sequence[float]]


@dataclass(frozen=True)
class View:
    """A part of a picture, as fractions of its width and height from the top left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def box(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Returns (left, top, right, bottom) in pixels for a size (width, height)."""
        width, height = size
        left, top = round(self.left * width), round(self.top * height)
        return (
            left,
            top,
            max(left + 1, round(self.right * width)),
            max(top + 1, round(self.bottom * height)),
        )


def upsample(heatmap: Heatmap, view: View, size: tuple[int, int]) -> NDArray[numpy.float32]:
    """Resizes the heatmap of a view to a whole picture of a size (width, height).

    Returns an array (height, width) in 0-1 that is smooth inside the view and 0 outside it.
    """
    left, top, right, bottom = view.box(size)
    whole = numpy.zeros((size[1], size[0]), numpy.float32)
    whole[top:bottom, left:right] = _resize(heatmap, (right - left, bottom - top))
    return whole


def colour_layer(heatmap: Heatmap) -> Image.Image:
    """Returns the heatmap as a square RGB picture, to display over the view."""
    return _colour(_resize(heatmap, (LAYER_PIXELS, LAYER_PIXELS)))


def overlay(picture: Image.Image, heatmap: Heatmap, view: View) -> Image.Image:
    """Returns an RGB picture with its heatmap on top; the parts outside the view are grey."""
    shown = Image.blend(picture, Image.new("RGB", picture.size, UNUSED_COLOUR), UNUSED_STRENGTH)
    box = left, top, right, bottom = view.box(picture.size)
    colours = _colour(_resize(heatmap, (right - left, bottom - top)))
    shown.paste(Image.blend(picture.crop(box), colours, STRENGTH), box)
    return shown


def _resize(heatmap: Heatmap, size: tuple[int, int]) -> NDArray[numpy.float32]:
    values = Image.fromarray(numpy.asarray(heatmap, numpy.float32))
    return numpy.asarray(values.resize(size, Image.Resampling.BILINEAR))


def _colour(values: NDArray[numpy.float32]) -> Image.Image:
    steps = numpy.linspace(0, 1, len(COLOURS))
    channels = [numpy.interp(values, steps, channel) for channel in zip(*COLOURS, strict=True)]
    return Image.fromarray(numpy.stack(channels, axis=2).round().astype(numpy.uint8))
