"""The gallery, and the one place that turns untrusted bytes into an RGB picture."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy
from PIL import Image, ImageOps

from classifier.errors import PictureError, UnknownNameError, show

# Named one by one: Pillow knows many more formats, some of which start other programs.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})
BROWSERS = frozenset(FORMATS) - {"TIFF"}  # what they show
MOST_PIXELS = 64_000_000


class Gallery:
    """The pictures of a folder by file name; the folder is read anew at every question."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Names of the files that look like pictures, in order; none if there is no folder."""
        try:
            files = [file for file in self.folder.iterdir() if _looks_like_picture(file)]
        except OSError:
            return []
        return sorted((file.name for file in files), key=lambda name: (name.casefold(), name))

    def path(self, name: object) -> Path:
        """The file that a name stands for.

        Raises UnknownNameError for anything but one of `names()`, so that no path that
        leads out of the folder is ever opened.
        """
        # The folder may hold thousands: they are listed only for the error.
        if isinstance(name, str) and Path(name).name == name:
            with suppress(OSError):  # a name too long for the file system, for one
                if _looks_like_picture(self.folder / name):
                    return self.folder / name
        names = self.names()
        if not names:
            raise PictureError(self.emptiness())
        raise UnknownNameError("picture", name, names)

    def emptiness(self) -> str:
        """What to tell someone who finds no pictures."""
        state = "holds no pictures" if self.folder.is_dir() else "is not there"
        kinds = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
        return (
            f"The folder of pictures, {self.folder}, {state}; "
            f"put pictures ({kinds}) there or name another folder in CLASSIFIER_IMAGES."
        )


def read(source: Path | bytes, name: str, least: int = MOST_PIXELS) -> Image.Image:
    """A picture in RGB, upright, its transparent parts white.

    Decoders that can make it smaller at less cost do so, but leave the shorter side
    `least` pixels or more. Its size is checked before its pixels are decoded. Raises
    PictureError, which calls the picture by `name`, if it cannot be read.
    """
    with _opened(source, name) as picture:
        picture.draft(None, (least, least))
        return _rgb(ImageOps.exif_transpose(picture))


def kind(source: Path | bytes | BinaryIO, name: str) -> str:
    """The format of a picture, one of FORMATS, that begins like one that can be read.

    Whether it is one throughout only shows when it is decoded. Raises PictureError if not.
    """
    with _opened(source, name) as picture:
        return picture.format or FORMATS[0]


@contextmanager
def _opened(source: Path | bytes | BinaryIO, name: str) -> Iterator[Image.Image]:
    """The picture, not yet decoded. What goes wrong with it becomes a PictureError."""
    most = MOST_PIXELS
    try:
        with Image.open(
            io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS
        ) as picture:
            if picture.mode in {"I", "F"}:  # whose pixels are taken through eight bytes each
                most //= 4
            width, height = picture.size
            if width * height > most:
                raise Image.DecompressionBombError
            yield picture
    # Pillow raises it too, or its warning where warnings are errors, by limits of its own.
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(
            f"{show(name)} has too many pixels; at most {most // 1_000_000} million are read."
        ) from None
    except FileNotFoundError:
        raise PictureError(f"There is no file {show(name)}; expected a picture.") from None
    except IsADirectoryError:
        raise PictureError(f"{show(name)} is a folder; expected a picture.") from None
    except PermissionError:
        raise PictureError(f"{show(name)} may not be read; expected a picture.") from None
    # Decoders of damaged files raise nearly anything, struct.error and IndexError among it.
    except Exception as error:
        raise PictureError(
            f"{show(name)} is not a picture that can be read, or it is damaged; "
            f"expected one of {', '.join(FORMATS)}."
        ) from error


def thumbnail(source: Path | bytes, name: str, pixels: int) -> bytes:
    """A picture made small and square, as a WebP file; raises PictureError as `read` does."""
    small = ImageOps.fit(read(source, name, pixels), (pixels, pixels))
    content = io.BytesIO()
    small.save(content, "WEBP", quality=80)
    return content.getvalue()


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _eight_bits(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grayscale; Pillow's own conversion clips it to white."""
    if picture.mode.startswith("I;16"):
        # In place: a picture of few bytes can have so many pixels that every copy counts.
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


def _looks_like_picture(file: Path) -> bool:
    return (
        file.suffix.lower() in SUFFIXES
        and not file.name.startswith(".")
        and _is_text(file.name)
        and file.is_file()
    )


def _is_text(name: str) -> bool:
    """Whether a file name is valid Unicode; one that is not cannot be sent as JSON."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
