"""What can be done to a picture before it is looked at, and how its colours are spread."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypedDict

from PIL import Image, ImageEnhance

from classifier.errors import InputError, UnknownNameError, show

# Edited pictures are so many pixels wide or high at most: beyond what any model looks at, and
# small enough that an edit takes moments, whatever comes.
LONGEST = 1024
MOST = 3.0  # times what it was
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
    """How many pixels have each of the values 0 to 255, 256 counts a list."""

    red: list[int]
    green: list[int]
    blue: list[int]
    luminance: list[int]


@dataclass(frozen=True)
class Edits:
    """How a picture is changed. Raises InputError for a value that cannot be used.

    The first four are factors from 0 to 3, of which 1 changes nothing; `rotation` is in
    degrees clockwise, from -180 to 180; `flip` swaps left and right (horizontal) or top and
    bottom (vertical).
    """

    colour: float = 1.0
    brightness: float = 1.0
    contrast: float = 1.0
    sharpness: float = 1.0
    rotation: float = 0.0
    flip: str = "none"

    def __post_init__(self) -> None:
        for name in ENHANCERS:
            _check(name, getattr(self, name), 0, MOST, "1 leaves the picture as it is")
        _check("rotation", self.rotation, -180, 180, "degrees clockwise")
        if not isinstance(self.flip, str) or self.flip not in FLIPS:
            raise UnknownNameError("flip", self.flip, FLIPS)

    @classmethod
    def from_values(cls, values: object) -> "Edits":
        """The edits of a mapping by name, none where there is none. Raises InputError."""
        if values is None:
            return cls()
        if not isinstance(values, Mapping):
            raise InputError(f"The edits are {show(values)}; expected names and their values.")
        names = [field.name for field in fields(cls)]
        for name in values:
            if name not in names:
                raise UnknownNameError("edit", name, names)
        return cls(**values)

    def __bool__(self) -> bool:
        """Whether anything is changed at all."""
        return self != Edits()

    def __str__(self) -> str:
        """What is done, in words; nothing if nothing is."""
        parts = [
            f"{name} × {getattr(self, name):g}" for name in ENHANCERS if getattr(self, name) != 1
        ]
        if self.flip != "none":
            parts.append(f"flipped {FLIPS[self.flip]}")
        if self.rotation:
            parts.append(
                f"turned {abs(self.rotation):g}° {'left' if self.rotation < 0 else 'right'}"
            )
        return ", ".join(parts)

    def values(self) -> dict[str, Any]:
        """All of them by name."""
        return asdict(self)

    def changes(self) -> dict[str, Any]:
        """Those that change something, by name."""
        unchanged = Edits().values()
        return {name: value for name, value in self.values().items() if value != unchanged[name]}

    def apply(self, picture: Image.Image) -> Image.Image:
        """The RGB picture so changed, `LONGEST` pixels a side at most before it is turned.

        What turning lays bare becomes white.
        """
        picture = fit(picture)
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
            # Pillow turns the other way.
            picture = picture.rotate(
                -self.rotation, Image.Resampling.BICUBIC, expand=True, fillcolor="white"
            )
        return picture


def fit(picture: Image.Image) -> Image.Image:
    """The picture, made smaller if it is larger than edited pictures are."""
    if max(picture.size) <= LONGEST:
        return picture
    scale = LONGEST / max(picture.size)
    size = [max(1, round(length * scale)) for length in picture.size]
    return picture.resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=3.0)


def histogram(picture: Image.Image) -> Histogram:
    """The histogram of an RGB picture; luminance is that of ITU-R BT.601."""
    counts = picture.histogram()
    return {
        "red": counts[:256],
        "green": counts[256:512],
        "blue": counts[512:],
        "luminance": picture.convert("L").histogram(),
    }


def _check(name: str, value: Any, least: float, most: float, meaning: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and least <= value <= most):  # of NaN neither is true
        raise InputError(
            f"{name} is {show(value)}; expected a number from {least:g} to {most:g} ({meaning})."
        )
