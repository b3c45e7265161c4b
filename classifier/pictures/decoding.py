"""Decoding: the one place where untrusted bytes become an RGB picture.

The result is what Chromium shows of the same file on a white page.
"""

import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from classifier.errors import PictureError, show
from classifier.pictures import colour_profiles
from classifier.pictures.formats import FORMATS, ends_early, open_picture
from classifier.pictures.formats.picture_file import MAX_PIXELS, PictureFile

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
)
BROWSER_FORMATS = frozenset(FORMATS) - {"TIFF", "HEIC"}  # formats that browsers can show

# From the stored picture to the upright one, by EXIF orientation.
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(source: Path | bytes, name: str, min_side: int = MAX_PIXELS) -> Image.Image:
    """Returns the picture in RGB, upright, in sRGB, with white in place of transparency.

    If the decoder can produce a smaller picture at a lower cost, it does; the shorter side
    then still has at least `min_side` pixels. The number of pixels is checked before they are
    decoded. Raises PictureError, with `name` in its message, if the picture cannot be read.
    """
    with _opened(source, name) as opened:
        picture = colour_profiles.to_srgb(opened.pixels(min_side), opened.profile)
        if picture.mode in ("LA", "RGBA"):
            picture = picture.convert("RGBA")
            white = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(white, picture)
        picture = picture.convert("RGB")
        if opened.orientation in _TRANSPOSITIONS:
            picture = picture.transpose(_TRANSPOSITIONS[opened.orientation])
        picture.info = {}  # Pillow would write profiles and metadata into copies of the picture
        return picture


def detect_format(source: Path | bytes | BinaryIO, name: str) -> str:
    """Returns the format of a picture, one of FORMATS, from the start of the file.

    Only `decode` shows whether the rest of the file is intact. Raises PictureError if the
    format is not supported.
    """
    with _opened(source, name) as opened:
        return opened.format


def describe_suffixes() -> str:
    """Returns the supported file name suffixes for a message."""
    return ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))


@contextmanager
def _opened(source: Path | bytes | BinaryIO, name: str) -> Iterator[PictureFile]:
    """Opens a picture without decoding it. Every failure becomes a PictureError."""
    limit = MAX_PIXELS
    file: BinaryIO | None = None
    with ExitStack() as stack:
        try:
            file = _file(source, stack)
            opened = open_picture(file, stack)
            limit = opened.max_pixels
            width, height = opened.size
            if width * height > limit:
                raise Image.DecompressionBombError
            yield opened
        # Pillow has a limit of its own, with an error and, where warnings are errors, a warning.
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise PictureError(
                f"{show(name)} has too many pixels; the limit is {limit // 1_000_000} million."
            ) from None
        except FileNotFoundError:
            raise PictureError(
                f"The file {show(name)} does not exist; expected a picture."
            ) from None
        except IsADirectoryError:
            raise PictureError(f"{show(name)} is a folder; expected a picture.") from None
        except PermissionError:
            raise PictureError(
                f"The permissions of {show(name)} do not allow reading it; expected a picture."
            ) from None
        # Decoders of damaged files raise almost anything, for example struct.error, IndexError.
        except Exception as error:
            if file is not None and ends_early(file, error):
                raise PictureError(
                    f"{show(name)} is incomplete: the end of the file is missing; expected a "
                    "whole picture."
                ) from error
            raise PictureError(
                f"{show(name)} is not a picture that can be read, or it is damaged; "
                f"expected one of {', '.join(FORMATS)}."
            ) from error


def _file(source: Path | bytes | BinaryIO, stack: ExitStack) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    return stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
