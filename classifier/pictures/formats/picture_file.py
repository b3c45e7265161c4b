"""A picture that has been opened, but not decoded."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image
from PIL.ImageFile import ImageFile

from classifier.pictures.formats import exif

MAX_PIXELS = 64_000_000


@dataclass(frozen=True)
class PictureFile:
    """A picture that has been opened, but not decoded.

    `pixels` decodes it, in mode L, LA, RGB, RGBA or CMYK. It takes the number of pixels that the
    shorter side needs, and may return a smaller picture that has them. `profile` is the ICC
    profile of its colours, and `orientation` the EXIF orientation. A picture with more than
    `max_pixels` must not be decoded.
    """

    format: str
    size: tuple[int, int]
    pixels: Callable[[int], Image.Image]
    profile: bytes | None = None
    orientation: int = exif.UPRIGHT
    max_pixels: int = MAX_PIXELS


def opened_by_pillow(
    file: BinaryIO, formats: list[str], stack: ExitStack
) -> tuple[PictureFile, ImageFile]:
    """Opens a picture that Pillow can decode alone. Returns Pillow's own picture, too."""
    picture = stack.enter_context(Image.open(file, formats=formats))

    def pixels(min_side: int) -> Image.Image:
        picture.draft(None, (min_side, min_side))
        return standard_mode(picture)

    profile = picture.info.get("icc_profile")
    return PictureFile(picture.format or formats[0], picture.size, pixels, profile), picture


def standard_mode(picture: Image.Image) -> Image.Image:
    """Decodes a picture of eight bits or less; returns it in a mode of `PictureFile.pixels`."""
    if picture.mode in ("1", "L", "LA"):
        return picture.convert("LA" if picture.has_transparency_data else "L")
    if picture.mode == "CMYK":
        return picture
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
