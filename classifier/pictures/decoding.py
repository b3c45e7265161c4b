"""Decoding: the one place where untrusted bytes become an RGB picture."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy
from PIL import Image, ImageOps

from classifier.errors import PictureError, show

# An explicit list: Pillow supports many more formats, and some of them start other programs.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})
BROWSER_FORMATS = frozenset(FORMATS) - {"TIFF"}  # formats that browsers can show
MAX_PIXELS = 64_000_000


def decode(source: Path | bytes, name: str, min_side: int = MAX_PIXELS) -> Image.Image:
    """Returns the picture in RGB, upright, with white in place of transparency.

    If the decoder can produce a smaller picture at a lower cost, it does; the shorter side
    then still has at least `min_side` pixels. The number of pixels is checked before they are
    decoded. Raises PictureError, with `name` in its message, if the picture cannot be read.
    """
    with _opened(source, name) as picture:
        picture.draft(None, (min_side, min_side))
        return _to_rgb(ImageOps.exif_transpose(picture))


def detect_format(source: Path | bytes | BinaryIO, name: str) -> str:
    """Returns the format of a picture, one of FORMATS, from the start of the file.

    Only `decode` shows whether the rest of the file is intact. Raises PictureError if the
    format is not supported.
    """
    with _opened(source, name) as picture:
        return picture.format or FORMATS[0]


def describe_suffixes() -> str:
    """Returns the supported file name suffixes for a message."""
    return ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))


@contextmanager
def _opened(source: Path | bytes | BinaryIO, name: str) -> Iterator[Image.Image]:
    """Opens a picture without decoding it. Every failure becomes a PictureError."""
    max_pixels = MAX_PIXELS
    try:
        with Image.open(
            io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS
        ) as picture:
            if picture.mode in {"I", "F"}:  # converting these needs eight bytes a pixel
                max_pixels //= 4
            width, height = picture.size
            if width * height > max_pixels:
                raise Image.DecompressionBombError
            yield picture
    # Pillow has a limit of its own, with an error and, where warnings are errors, a warning.
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(
            f"{show(name)} has too many pixels; the limit is {max_pixels // 1_000_000} million."
        ) from None
    except FileNotFoundError:
        raise PictureError(f"The file {show(name)} does not exist; expected a picture.") from None
    except IsADirectoryError:
        raise PictureError(f"{show(name)} is a folder; expected a picture.") from None
    except PermissionError:
        raise PictureError(
            f"The permissions of {show(name)} do not allow reading it; expected a picture."
        ) from None
    # Decoders of damaged files raise almost anything, for example struct.error and IndexError.
    except Exception as error:
        raise PictureError(
            f"{show(name)} is not a picture that can be read, or it is damaged; "
            f"expected one of {', '.join(FORMATS)}."
        ) from error


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _to_eight_bits(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    """Scales 16-bit, 32-bit and float grayscale; Pillow would clip most values to white."""
    if picture.mode.startswith("I;16"):
        # Work in place: a small file can have so many pixels that every copy matters.
        values = numpy.array(picture, dtype=numpy.float32)
        values /= 257
        return Image.fromarray(values.round(out=values).astype(numpy.uint8))
    values = numpy.array(picture, dtype=numpy.float64)
    finite = numpy.isfinite(values)
    low = values.min(where=finite, initial=numpy.inf)
    high = values.max(where=finite, initial=-numpy.inf)
    if high <= low:
        return Image.new("L", picture.size)
    numpy.nan_to_num(values, copy=False, nan=low, posinf=high, neginf=low)
    values -= low
    values *= 255 / (high - low)
    return Image.fromarray(values.round(out=values).astype(numpy.uint8))
