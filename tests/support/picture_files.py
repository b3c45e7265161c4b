"""Pictures and picture files that tests create."""

import io
import itertools
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
import pillow_heif
from PIL import Image

pillow_heif.register_heif_opener()


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
    picture.save(file, "HEIF" if kind == "HEIC" else kind, **options)
    return file.getvalue()


def save(picture: Image.Image, file: Path) -> Path:
    """Saves the picture and returns its path."""
    picture.save(file)
    return file


def png(
    width: int,
    height: int,
    rows: bytes,
    depth: int = 8,
    colour: int = 0,
    before: Sequence[tuple[bytes, bytes]] = (),
    after: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """Returns a PNG file that Pillow would not write.

    `rows` are its scan lines, each with a filter byte in front of it. `before` and `after` are
    chunks in front of the pixels and behind them.
    """
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    pixels = (b"IDAT", zlib.compress(rows))
    chunks = [(b"IHDR", header), *before, pixels, *after, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in chunks)


def bomb(width: int, height: int) -> bytes:
    """Returns a black PNG file of few bytes and very many pixels, with one bit a pixel."""
    row = bytes(1 + (width + 7) // 8)
    return png(width, height, row * height, depth=1)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Returns a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def save_zip(file: Path, members: dict[str, bytes]) -> Path:
    """Writes a zip archive with the contents of `members` by name, and returns its path."""
    with zipfile.ZipFile(file, "w") as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return file


def exif(*entries: tuple[int, int, int, int], order: str = "<") -> bytes:
    """Returns EXIF data with entries of a tag, a type, a count and a value."""
    data = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    data += struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in entries:
        form = "HHIHxx" if kind == 3 else "HHII"
        data += struct.pack(f"{order}{form}", tag, kind, count, value & 0xFFFFFFFF)
    return data + bytes(4)


def with_segments(jpeg: bytes, *segments: tuple[int, bytes]) -> bytes:
    """Returns a JPEG file with further segments, each a marker and its content, at its start."""
    added = (
        bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content
        for marker, content in segments
    )
    return jpeg[:2] + b"".join(added) + jpeg[2:]


def gif(
    canvas: tuple[int, int],
    box: tuple[int, int, int, int],
    pixels: Sequence[int],
    palette: bytes,
    transparent: int | None = None,
    background: int = 0,
) -> bytes:
    """Returns a GIF file with one frame at `box`: left, top, width and height."""
    bits = max(2, (len(palette) // 3 - 1).bit_length())
    palette = palette.ljust(3 << bits, b"\0")
    file = b"GIF89a" + struct.pack("<HHBBB", *canvas, 0x80 | (bits - 1), background, 0) + palette
    if transparent is not None:
        file += b"\x21\xf9\x04\1\0\0" + bytes([transparent]) + b"\0"
    clear = 1 << bits
    codes: list[int] = []
    for number, pixel in enumerate(pixels):
        if number % (clear - 2) == 0:  # so that the codes never become longer
            codes.append(clear)
        codes.append(pixel)
    total = sum(code << (number * (bits + 1)) for number, code in enumerate([*codes, clear + 1]))
    data = total.to_bytes(((len(codes) + 1) * (bits + 1) + 7) // 8, "little")
    file += b"," + struct.pack("<HHHHB", *box, 0) + bytes([bits, len(data)]) + data
    return file + b"\0;"


def bmp(
    size: tuple[int, int],
    bits: int,
    compression: int,
    data: bytes,
    header_bytes: int = 40,
    masks: bytes = b"",
    palette: bytes = b"",
    profile: bytes = b"",
) -> bytes:
    """Returns a BMP file. A negative height puts the upper row first."""
    header = struct.pack(
        "<IiiHHIIiiII", header_bytes, *size, 1, bits, compression, len(data), 0, 0,
        len(palette) // 4, 0,
    )  # fmt: skip
    header += masks
    start = 14 + max(header_bytes, len(header)) + len(palette)
    if header_bytes == 124:
        header = header.ljust(56, b"\0") + (b"DEBM" if profile else b"BGRs")
        header = header.ljust(112, b"\0") + struct.pack(
            "<III", start - 14 + len(data), len(profile), 0
        )
    header = header.ljust(header_bytes, b"\0")
    file = b"BM" + struct.pack("<IHHI", start + len(data) + len(profile), 0, 0, start)
    return file + header + palette + data + profile


TIFF_TYPES = {1: "B", 2: "c", 3: "H", 4: "I", 8: "h", 9: "i", 11: "f", 12: "d"}


def tiff(
    size: tuple[int, int],
    data: bytes,
    tags: Mapping[int, tuple[int, Sequence[Any]]],
    order: str = "<",
    strips: int = 1,
) -> bytes:
    """Returns a TIFF file. `tags` have a type and values; `strips` have equal lengths."""
    width, height = size
    length = len(data) // strips
    entries = {
        256: (4, [width]), 257: (4, [height]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1]),
        273: (4, [8 + length * number for number in range(strips)]), 277: (3, [1]),
        278: (4, [height]), 279: (4, [length] * strips),
    } | dict(tags)  # fmt: skip
    start = 8 + len(data) + len(data) % 2
    table, values = struct.pack(f"{order}H", len(entries)), b""
    for tag, (kind, numbers) in sorted(entries.items()):
        content = b"".join(struct.pack(order + TIFF_TYPES[kind], number) for number in numbers)
        if len(content) > 4:
            position = start + 2 + 12 * len(entries) + 4 + len(values)
            values += content + bytes(len(content) % 2)
            content = struct.pack(f"{order}I", position)
        table += struct.pack(f"{order}HHI", tag, kind, len(numbers)) + content.ljust(4, b"\0")
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", start)
    return head + data + bytes(len(data) % 2) + table + bytes(4) + values


def lookup_profile(space: bytes, lab: Callable[..., tuple[float, float, float]]) -> bytes:
    """Returns an ICC profile with a table of two values in each channel of `space`.

    `lab` returns the colour (CIELAB) for values from 0 to 1.
    """
    channels = {b"RGB ": 3, b"CMYK": 4}[space]
    table = b"mft1" + bytes(4) + bytes([channels, 3, 2, 0])
    table += struct.pack(">9i", *(65536 * (number % 4 == 0) for number in range(9)))
    table += bytes(range(256)) * channels
    for node in itertools.product((0, 1), repeat=channels):
        light, a, b = lab(*node)
        table += bytes(min(max(round(value), 0), 255) for value in (light * 2.55, a + 128, b + 128))
    table += bytes(range(256)) * 3
    white = struct.pack(">3i", 63190, 65536, 54061)
    tags = {b"A2B0": table, b"wtpt": b"XYZ " + bytes(4) + white}
    head, data = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        head += name + struct.pack(">II", 132 + 12 * len(tags) + len(data), len(content))
        data += content
    header = struct.pack(">I4xI", 128 + len(head) + len(data), 0x02100000) + b"prtr" + space
    header = (header + b"Lab ").ljust(36, b"\0") + b"acsp"
    return (header.ljust(68, b"\0") + white).ljust(128, b"\0") + head + data
