"""GIF files: the first frame, on the whole canvas."""

from contextlib import ExitStack
from dataclasses import replace
from typing import BinaryIO

from PIL import Image

from classifier.pictures.formats.picture_file import PictureFile, opened_by_pillow, standard_mode


def matches(start: bytes) -> bool:
    return start.startswith((b"GIF87a", b"GIF89a"))


def open_picture(file: BinaryIO, stack: ExitStack) -> PictureFile:
    opened, picture = opened_by_pillow(file, ["GIF"], stack)
    box = picture.tile[0].extents if picture.tile else None
    if box in (None, (0, 0, *picture.size)):
        return opened

    def pixels(min_side: int) -> Image.Image:
        # Pillow fills the rest of the canvas with a colour; in browsers, it is transparent.
        canvas = Image.new("RGBA", picture.size)
        canvas.paste(standard_mode(picture).crop(box), box)
        return canvas

    return replace(opened, pixels=pixels)
