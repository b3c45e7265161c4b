"""Pictures and picture files that tests create."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy
from PIL import Image


def scene(width: int = 320, height: int = 200) -> Image.Image:
    """Returns a picture with gradients, an edge, a disc and fine texture; always the same."""
    x, y = numpy.meshgrid(numpy.linspace(0, 1, width), numpy.linspace(0, 1, height))
    disc = (x - 0.6) ** 2 + (y - 0.4) ** 2 < 0.04
    texture = numpy.sin(90 * x * y) * 0.2
    red = numpy.where(disc, 0.9, x * 0.8)
    green = numpy.where(y > 0.7, 0.35, y)
    blue = numpy.where(disc, 0.1, 0.5 + texture)
    return Image.fromarray((numpy.stack([red, green, blue], 2) * 255).astype(numpy.uint8))


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """Returns the picture as the content of a file."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def save(picture: Image.Image, file: Path) -> Path:
    """Saves the picture and returns its path."""
    picture.save(file)
    return file


def png(width: int, height: int, rows: bytes, depth: int = 8, colour: int = 0) -> bytes:
    """Returns a PNG file that Pillow would not write.

    `rows` are its scan lines, each with a filter byte in front of it.
    """
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )


def bomb(width: int, height: int) -> bytes:
    """Returns a black PNG file of few bytes and very many pixels, with one bit a pixel."""
    row = bytes(1 + (width + 7) // 8)
    return png(width, height, row * height, depth=1)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def save_zip(file: Path, members: dict[str, bytes]) -> Path:
    """Writes a zip archive with the contents of `members` by name, and returns its path."""
    with zipfile.ZipFile(file, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return file
