"""Edits of a picture, and its colour histogram."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypedDict

from PIL import Image, ImageEnhance

from classifier.errors import InputError, UnknownNameError, show

# The longer side of edited pictures, in pixels: more than any model uses, and few enough that
# every edit is fast.
MAX_SIDE = 1024
MAX_FACTOR = 3.0
FLIPS = {"none": "none", "horizontal": "left to right", "vertical": "top to bottom"}
ENHANCERS = {
    "colour": ImageEnhance.Color,
    "brightness": ImageEnhance.Brightness,
    "contrast": ImageEnhance.Contrast,
    "sharpness": ImageEnhance.Sharpness,
}
Channel = Literal["red", "green", "blue", "luminance"]
CHANNELS: tuple[Channel, ...] = ("red", "green", "blue", "luminance")


class Histogram(TypedDict):
    """The number of pixels with each value from 0 to 255: 256 counts in each list."""

    red: list[int]
    green: list[int]
    blue: list[int]
    luminance: list[int]


@dataclass(frozen=True)
class Edits:
    """The edits of a picture. Raises InputError for values that are not valid.

    The first four are factors from 0 to 3, and 1 changes nothing. `rotation` is in degrees
    clockwise, from -180 to 180. `flip` swaps left and right (horizontal) or top and bottom
    (vertical).
    """

    colour: float = 1.0
    brightness: float = 1.0
    contrast: float = 1.0
    sharpness: float = 1.0
    rotation: float = 0.0
    flip: str = "none"

    def __post_init__(self) -> None:
        for name in ENHANCERS:
            _check(name, getattr(self, name), 0, MAX_FACTOR, "1 changes nothing")
        _check("rotation", self.rotation, -180, 180, "degrees clockwise")
        if not isinstance(self.flip, str) or self.flip not in FLIPS:
            raise UnknownNameError("flip", self.flip, FLIPS)

    @classmethod
    def from_values(cls, values: object) -> "Edits":
        """Returns the edits from a mapping of names to values. Raises InputError."""
        if values is None:
            return cls()
        if not isinstance(values, Mapping):
            raise InputError(
                f"The edits are {show(values)}; expected a mapping of names to values."
            )
        names = [field.name for field in fields(cls)]
        for name in values:
            if name not in names:
                raise UnknownNameError("edit", name, names)
        return cls(**values)

    def __bool__(self) -> bool:
        """Whether the edits change anything."""
        return self != Edits()

    def __str__(self) -> str:
        """Describes the edits in words; empty if they change nothing."""
        parts = [
            f"{name} × {getattr(self, name):g}" for name in ENHANCERS if getattr(self, name) != 1
        ]
        if self.flip != "none":
            parts.append(f"flipped {FLIPS[self.flip]}")
        if self.rotation:
            parts.append(
                f"rotated {abs(self.rotation):g}° {'left' if self.rotation < 0 else 'right'}"
            )
        return ", ".join(parts)

    def values(self) -> dict[str, Any]:
        """Returns all values by name."""
        return asdict(self)

    def changes(self) -> dict[str, Any]:
        """Returns the values that change something, by name."""
        unchanged = Edits().values()
        return {name: value for name, value in self.values().items() if value != unchanged[name]}

    def apply(self, picture: Image.Image) -> Image.Image:
        """Returns the edited RGB picture, at most MAX_SIDE pixels a side before rotation.

        Rotation fills the corners with white.
        """
        picture = limit_size(picture)
        for name, enhancer in ENHANCERS.items():
            factor = getattr(self, name)
            if factor != 1:
                picture = enhancer(picture).enhance(factor)
        if self.flip != "none":
            left_right = self.flip == "horizontal"
            picture = picture.transpose(
                Image.Transpose.FLIP_LEFT_RIGHT if left_right else Image.Transpose.FLIP_TOP_BOTTOM
            )
        if self.rotation:
            # Pillow rotates counter-clockwise.
            picture = picture.rotate(
                -self.rotation, Image.Resampling.BICUBIC, expand=True, fillcolor="white"
            )
        return picture


def limit_size(picture: Image.Image) -> Image.Image:
    """Shrinks a picture to MAX_SIDE pixels a side if it is larger."""
    if max(picture.size) <= MAX_SIDE:
        return picture
    scale = MAX_SIDE / max(picture.size)
    size = [max(1, round(length * scale)) for length in picture.size]
    return picture.resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=3.0)


def histogram(picture: Image.Image) -> Histogram:
    """Returns the histogram of an RGB picture, with luminance by ITU-R BT.601."""
    counts = picture.histogram()
    return {
        "red": counts[:256],
        "green": counts[256:512],
        "blue": counts[512:],
        "luminance": picture.convert("L").histogram(),
    }


def _check(name: str, value: Any, low: float, high: float, meaning: str) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and low <= value <= high):  # NaN fails the comparison
        raise InputError(
            f"{name} is {show(value)}; expected a number from {low:g} to {high:g} ({meaning})."
        )
