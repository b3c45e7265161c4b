"""The formats of picture files: a module for each one that needs more than Pillow does alone."""

import io
from contextlib import ExitStack
from dataclasses import replace
from typing import BinaryIO, Protocol

from classifier.pictures.formats import avif, bmp, gif, heic, jpeg, png, tiff
from classifier.pictures.formats.picture_file import PictureFile, opened_by_pillow

# An explicit list: Pillow supports many more formats, and some of them start other programs.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIC")


class _Format(Protocol):
    """A module for a format."""

    def matches(self, start: bytes) -> bool: ...
    def open_picture(self, file: BinaryIO, stack: ExitStack) -> PictureFile: ...


_MODULES: tuple[_Format, ...] = (jpeg, png, gif, bmp, tiff, avif, heic)
_START_BYTES = 16
MAX_BOXES = 1000
# What Pillow, libavif and libheif say of files whose end is missing.
_END_IS_MISSING = ("file is truncated", "Truncated", "Unexpected end of file")


def open_picture(file: BinaryIO, stack: ExitStack) -> PictureFile:
    """Opens a picture in one of FORMATS; `stack` closes it.

    Raises EOFError if it notices that the end of the file is missing. For other damage, it raises
    almost anything.
    """
    file.seek(0)
    start = file.read(_START_BYTES)
    for module in _MODULES:
        if module.matches(start):
            file.seek(0)
            return module.open_picture(file, stack)
    file.seek(0)
    opened, picture = opened_by_pillow(file, ["WEBP", "TIFF"], stack)  # TIFF: BigTIFF
    # Browsers do not apply the orientation in a WebP file, nor the profile of an animation.
    is_animated = opened.format == "WEBP" and getattr(picture, "is_animated", False)
    return replace(opened, profile=None) if is_animated else opened


def ends_early(file: BinaryIO, error: Exception) -> bool:
    """Whether a file could not be decoded, with this error, because its end is missing."""
    if isinstance(error, EOFError) or any(words in str(error) for words in _END_IS_MISSING):
        return True
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    start = file.read(_START_BYTES)
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return int.from_bytes(start[4:8], "little") + 8 > size
    if tiff.matches(start):
        return tiff.ends_early(file)
    return start[4:8] == b"ftyp" and _last_box_ends_early(file, size)


def _last_box_ends_early(file: BinaryIO, size: int) -> bool:
    """Whether a file of boxes (ISO/IEC 14496-12) is shorter than its last box."""
    position = 0
    for _ in range(MAX_BOXES):
        if position + 8 > size:
            return position != size
        file.seek(position)
        length = int.from_bytes(file.read(4))
        if length < 8:  # up to the end of the file, or a long one
            return False
        position += length
    return False
