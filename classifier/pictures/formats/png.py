"""The parts of a PNG file that determine its pixels and colours.

Sources: the PNG specification, third edition (W3C, 2025), and how Chromium treats what it leaves
open. Pillow refuses a file for damage in parts that no pixel depends on, such as long texts.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import takewhile
from typing import BinaryIO

import numpy
from PIL import Image
from PIL.ImageFile import ImageFile

from classifier.pictures import colour_profiles
from classifier.pictures.formats import exif
from classifier.pictures.formats.picture_file import PictureFile, standard_mode
from classifier.pictures.formats.spliced_file import splice

SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
GRAY, RGB, PALETTE = 0, 2, 3  # types of colour
TRANSPARENT_BYTES = {GRAY: 2, RGB: 6}  # the length of the chunk with the transparent colour
COLOURS = 256
LARGEST_16_BITS = 65535
FRAME_DATA = (b"IDAT", b"fdAT")
# These are read completely. No valid one is longer, except for profiles.
SMALL = {b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"cICP", b"eXIf", b"acTL", b"fcTL"}
MAX_SMALL_BYTES = 1 << 20
MAX_CHUNKS = 200_000
MAX_NAME = 80
FULL_RANGE = [0, 1]  # no matrix, and values from 0 to 255


@dataclass(frozen=True)
class Chunk:
    """A chunk: its kind, and where its content is."""

    kind: bytes
    content: range

    @property
    def whole(self) -> range:
        """Where the chunk is, with its length, kind and checksum."""
        return range(self.content.start - 8, self.content.stop + 4)


def matches(start: bytes) -> bool:
    return start.startswith(SIGNATURE)


def open_picture(file: BinaryIO, stack: ExitStack) -> PictureFile:
    chunks = list(_chunks(file))
    content: dict[bytes, bytes] = {}
    # What comes after the pixels says nothing about them, and the first chunk of a kind counts.
    for chunk in takewhile(lambda chunk: chunk.kind != b"IDAT", chunks):
        if chunk.kind not in content and (data := _read(file, chunk)) is not None:
            content[chunk.kind] = data
    essential = splice(file, _essential_parts(chunks, content))
    picture = stack.enter_context(Image.open(essential, formats=["PNG"]))

    def pixels(min_side: int) -> Image.Image:
        if picture.info.get("default_image"):  # the first frame comes after it
            picture.seek(1)
        if picture.mode.startswith("I"):
            return _gray_of_16_bits(picture)
        if picture.mode == "RGB" and "transparency" in picture.info:
            return _with_transparent_colour(picture, essential)
        return standard_mode(picture)

    orientation = exif.orientation(content.get(b"eXIf", b""))
    return PictureFile("PNG", picture.size, pixels, _profile(content), orientation)


def _essential_parts(chunks: list[Chunk], content: dict[bytes, bytes]) -> Iterator[bytes | range]:
    """Yields what Pillow needs for the first frame, and nothing that it could refuse."""
    yield SIGNATURE
    for chunk in _of_first_frame(chunks):
        if chunk.kind in (b"PLTE", b"tRNS"):
            if data := _colour_chunk(chunk.kind, content):
                yield _written(chunk.kind, data)
        elif chunk.kind in (b"IHDR", b"acTL", b"fcTL", *FRAME_DATA):
            yield chunk.whole
    yield END


def _chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Yields the chunks up to the end of the file; the last one can be incomplete.

    Raises ValueError if there are so many that reading them would take long.
    """
    size = file.seek(0, io.SEEK_END)
    position = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if position + 8 > size:
            return
        file.seek(position)
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"IEND":
            return
        yield Chunk(kind, range(position + 8, min(position + 8 + length, size)))
        position += 12 + length
    raise ValueError("too many chunks")


def _of_first_frame(chunks: list[Chunk]) -> Iterator[Chunk]:
    """Yields the chunks until the data of the first frame end.

    An animation can have a picture for programs that show none. Then the frame comes after it.
    """
    kinds = [chunk.kind for chunk in chunks]
    before = kinds[: kinds.index(b"IDAT")] if b"IDAT" in kinds else kinds
    is_separate = b"acTL" in before and b"fcTL" not in before and b"fdAT" in kinds
    last = b"fdAT" if is_separate else b"IDAT"
    is_found = False
    for chunk in chunks:
        if is_found and chunk.kind in (b"fcTL", b"fdAT") and chunk.kind != last:
            return
        is_found = is_found or chunk.kind == last
        yield chunk


def _read(file: BinaryIO, chunk: Chunk) -> bytes | None:
    """Returns the content of a chunk that says how to show the pixels; None if it is damaged."""
    limit = colour_profiles.MAX_BYTES if chunk.kind == b"iCCP" else MAX_SMALL_BYTES
    if chunk.kind not in SMALL | {b"iCCP"} or len(chunk.content) > limit:
        return None
    file.seek(chunk.content.start)
    content = file.read(len(chunk.content))
    checksum = file.read(4)
    return content if checksum == struct.pack(">I", zlib.crc32(chunk.kind + content)) else None


def _colour_chunk(kind: bytes, content: dict[bytes, bytes]) -> bytes:
    """Returns the palette or the transparency as Pillow expects it; b"" if it has no effect."""
    data = content.get(kind, b"")
    depth, colour = content.get(b"IHDR", bytes(13))[8:10]
    if colour == PALETTE:
        # Pixels beyond the palette have its last colour.
        palette = content.get(b"PLTE", b"")[: 3 * (1 << depth)]
        count = len(palette) // 3
        if kind == b"PLTE":
            return palette + palette[-3:] * (COLOURS - count)
        alpha = data[:count]
        alpha += b"\xff" * (count - len(alpha))
        return alpha + alpha[-1:] * (COLOURS - count) if data else b""
    if kind == b"PLTE":
        return b""  # only a suggestion
    size = TRANSPARENT_BYTES.get(colour)
    if size is None or len(data) < size:
        return b""
    data = data[:size]
    if colour == GRAY and depth in (2, 4):
        # Pillow scales the pixels to eight bits, but not the transparent value.
        (value,) = struct.unpack(">H", data)
        return struct.pack(">H", value * 255 // ((1 << depth) - 1))
    return data


def _written(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _embedded(content: dict[bytes, bytes]) -> bytes | None:
    """Returns the embedded profile, which has a name and is compressed; None if it is damaged."""
    name, _, rest = content.get(b"iCCP", b"").partition(b"\0")
    if len(name) > MAX_NAME or rest[:1] != b"\0":  # the only method of compression
        return None
    stream = zlib.decompressobj()
    try:
        profile = stream.decompress(rest[1:], colour_profiles.MAX_BYTES)
    except zlib.error:
        return None
    return profile if stream.eof else None


def _profile(content: dict[bytes, bytes]) -> bytes | None:
    """Returns the colour profile that a file contains or describes, or None for sRGB."""
    primaries, transfer, *range_of_rgb = content.get(b"cICP", bytes(4))
    if range_of_rgb == FULL_RANGE:
        return colour_profiles.profile_of_code(primaries, transfer)
    if (embedded := _embedded(content)) and colour_profiles.space(embedded):
        return embedded
    if b"sRGB" in content or len(content.get(b"gAMA", b"")) != 4:
        return None
    gamma = struct.unpack(">I", content[b"gAMA"])[0] / 100_000
    if not gamma:
        return None
    if len(content.get(b"cHRM", b"")) == 32:
        points = [value / 100_000 for value in struct.unpack(">8I", content[b"cHRM"])]
        white, red, green, blue = (
            (points[number], points[number + 1]) for number in range(0, 8, 2)
        )
        return colour_profiles.profile((red, green, blue), white, colour_profiles.power(gamma))
    if abs(gamma - colour_profiles.USUAL_GAMMA) < colour_profiles.GAMMA_TOLERANCE:
        return None
    return colour_profiles.profile(
        colour_profiles.SRGB, colour_profiles.D65, colour_profiles.power(gamma)
    )


def _gray_of_16_bits(picture: Image.Image) -> Image.Image:
    values = numpy.array(picture)
    transparent = picture.info.get("transparency")
    is_clear = values == transparent if isinstance(transparent, int) else None
    # Divide by 257, rounded. Work in place: a small file can have very many pixels.
    values = values.astype(numpy.uint16, copy=False)
    numpy.minimum(values, LARGEST_16_BITS - 128, out=values)
    values += 128
    values //= 257
    result = Image.fromarray(values.astype(numpy.uint8))
    if is_clear is not None:
        result.putalpha(_opaque_except(is_clear))
    return result


def _with_transparent_colour(picture: ImageFile, file: BinaryIO) -> Image.Image:
    """Returns a picture in which one colour is transparent.

    With 16 bits a channel, Pillow decodes only the upper half of each value. The lower halves
    decide which pixels have exactly that colour.
    """
    (tile,) = picture.tile
    if tile.args != "RGB;16B":
        return picture.convert("RGBA")
    colour = numpy.array(picture.info["transparency"])
    is_clear = (numpy.asarray(picture) == colour >> 8).all(axis=2)
    file.seek(0)
    with Image.open(file, formats=["PNG"]) as lower:
        lower.tile = [tile._replace(args="RGB;16L")]
        is_clear &= (numpy.asarray(lower) == colour & 255).all(axis=2)
    result = picture.copy()
    result.putalpha(_opaque_except(is_clear))
    return result


def _opaque_except(is_clear: "numpy.ndarray") -> Image.Image:
    """Returns the alpha channel in which only these pixels are transparent."""
    return Image.fromarray(numpy.where(is_clear, 0, 255).astype(numpy.uint8))
