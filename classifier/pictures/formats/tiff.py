"""TIFF files. Pillow decodes the usual kinds of samples, and this module the others.

Source: TIFF, revision 6.0 (Adobe, 1992), and its supplements for predictors and numbers.
"""

import io
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, BinaryIO

import numpy
from PIL import Image

from classifier.pictures.formats.exif import ORIENTATION, UPRIGHT
from classifier.pictures.formats.picture_file import MAX_PIXELS, PictureFile, opened_by_pillow
from classifier.pictures.formats.spliced_file import splice

Array = numpy.ndarray[Any, numpy.dtype[Any]]

ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
# The types of values, by their number: their size in bytes, and how struct calls integers.
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
INTEGERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}
SHORT, LONG = 3, 4
HEADER_BYTES = 8
MAX_VALUE_BYTES = 4 << 20

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
FILL_ORDER, STRIPS, SAMPLES, STRIP_ROWS, STRIP_BYTES = 266, 273, 277, 278, 279
PLANAR, PREDICTOR, PALETTE, TILE_WIDTH, TILE_HEIGHT = 284, 317, 320, 322, 323
TILES, TILE_BYTES, EXTRA, FORMAT, SUBSAMPLING, PROFILE = 324, 325, 338, 339, 530, 34675
# All tags that describe pixels, those of compression methods included. Other tags are left out:
# Pillow refuses a picture for wrong values of any tag.
ESSENTIAL = frozenset(
    {WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIPS, SAMPLES, STRIP_ROWS}
    | {STRIP_BYTES, PLANAR, 292, 293, PREDICTOR, PALETTE, TILE_WIDTH, TILE_HEIGHT, TILES}
    | {TILE_BYTES, 332, EXTRA, FORMAT, 347, 529, SUBSAMPLING, 531, 532}
)
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK, YCBCR = 0, 1, 2, 5, 6
CHANNELS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, CMYK: 4, YCBCR: 3}
# How many further samples Pillow accepts; it does not know uncompressed YCbCr at all.
EXTRA_OF_PILLOW = {WHITE_IS_ZERO: 0, BLACK_IS_ZERO: 0, RGB: 1, CMYK: 0, YCBCR: -1}
LOSSLESS = {1, 5, 8, 32773, 32946, 34925, 50000}  # methods that compress bytes of any meaning
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
PREMULTIPLIED, SEPARATE = 1, 2  # kinds of transparency
HORIZONTAL, FLOATING_POINT = 2, 3  # predictors
SEPARATE_PLANES = 2
MAX_RANGE_BITS = 16  # samples of more bits rarely use their whole range
BLOCK_BYTES = 1 << 22
MAX_SAMPLE_BYTES = 2 * MAX_PIXELS


@dataclass(frozen=True)
class _Value:
    """The values of a tag, as they are in the file."""

    type: int
    content: bytes

    @property
    def count(self) -> int:
        return len(self.content) // SIZES[self.type]


class _Directory:
    """The tags of the first picture in a file."""

    def __init__(self, order: str, values: dict[int, _Value]) -> None:
        self.order = order
        self.values = values

    def numbers(self, tag: int, *default: int) -> tuple[int, ...]:
        """Returns the integers of a tag."""
        value = self.values.get(tag)
        if value is None or value.type not in INTEGERS or not value.count:
            return default
        return struct.unpack(f"{self.order}{value.count}{INTEGERS[value.type]}", value.content)

    def number(self, tag: int, default: int) -> int:
        return self.numbers(tag, default)[0]

    def file(self, file: BinaryIO, pieces: list[range] | None = None) -> BinaryIO:
        """Returns a file with these tags only, in front of pieces of the other file, or all of it.

        The tags say where the pixels are in the pieces.
        """
        offsets = {tag: self.numbers(tag) for tag in (STRIPS, TILES) if tag in self.values}
        # How long the tags are does not depend on where the pixels are.
        tags = self.values | {tag: _integers(self.order, *offsets[tag]) for tag in offsets}
        table_bytes = 2 + 12 * len(tags) + 4
        moved = HEADER_BYTES + table_bytes + sum(map(_bytes_beside_table, tags.values()))
        for tag, places in offsets.items():
            tags[tag] = _integers(self.order, *(place + moved for place in places))
        table, values = struct.pack(f"{self.order}H", len(tags)), b""
        for tag, value in sorted(tags.items()):
            content = value.content
            if len(content) > 4:
                position = HEADER_BYTES + table_bytes + len(values)
                values += content.ljust(_bytes_beside_table(value), b"\0")
                content = struct.pack(f"{self.order}I", position)
            table += struct.pack(f"{self.order}HHI", tag, value.type, value.count)
            table += content.ljust(4, b"\0")
        header = next(start for start, order in ORDERS.items() if order == self.order)
        header += struct.pack(f"{self.order}I", HEADER_BYTES)
        size = file.seek(0, io.SEEK_END)
        return splice(file, [header, table, bytes(4), values, *(pieces or [range(size)])])


def matches(start: bytes) -> bool:
    return start[:4] in ORDERS


def open_picture(file: BinaryIO, stack: ExitStack) -> PictureFile:
    directory = _read(file)
    profile = directory.values.get(PROFILE)
    orientation = directory.number(ORIENTATION, UPRIGHT)
    essential = _essential(directory)
    if _are_usual(essential):
        opened, _ = opened_by_pillow(essential.file(file), ["TIFF"], stack)
    else:
        opened = PictureFile(
            "TIFF",
            (directory.number(WIDTH, 0), directory.number(HEIGHT, 0)),
            lambda min_side: _decode(file, essential),
            max_pixels=min(MAX_PIXELS, MAX_SAMPLE_BYTES // _bytes_of_a_pixel(essential)),
        )
    return replace(opened, profile=profile.content if profile else None, orientation=orientation)


def ends_early(file: BinaryIO) -> bool:
    """Whether pixels would have to come after the end of the file."""
    try:
        directory = _read(file)
    except EOFError:
        return True
    size = file.seek(0, io.SEEK_END)
    return any(
        offset + length > size
        for offsets, lengths in ((STRIPS, STRIP_BYTES), (TILES, TILE_BYTES))
        for offset, length in zip(
            directory.numbers(offsets), directory.numbers(lengths), strict=False
        )
    )


def _bytes_beside_table(value: _Value) -> int:
    """Returns how many bytes a value takes in addition to those in the table."""
    size = len(value.content)
    return size + size % 2 if size > 4 else 0


def _bytes_of_a_pixel(directory: _Directory) -> int:
    return numpy.dtype(_number_type(directory)).itemsize * directory.number(SAMPLES, 1)


def _read(file: BinaryIO) -> _Directory:
    """Reads the tags. Raises EOFError if the file ends before them."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    header = file.read(HEADER_BYTES)
    order = ORDERS[header[:4]]
    if len(header) < HEADER_BYTES:
        raise EOFError
    (start,) = struct.unpack(f"{order}I", header[4:])
    if start + 2 > size:
        raise EOFError
    file.seek(start)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    table = file.read(12 * count)
    if len(table) < 12 * count:
        raise EOFError
    values: dict[int, _Value] = {}
    for position in range(0, len(table), 12):
        tag, type, length = struct.unpack_from(f"{order}HHI", table, position)
        content = table[position + 8 : position + 12]
        size_of_values = SIZES.get(type, 0) * length
        if not 0 < size_of_values <= MAX_VALUE_BYTES:
            continue
        if size_of_values > 4:
            file.seek(*struct.unpack(f"{order}I", content))
            content = file.read(size_of_values)
        if len(content) >= size_of_values:
            values.setdefault(tag, _Value(type, content[:size_of_values]))
    return _Directory(order, values)


def _essential(directory: _Directory) -> _Directory:
    """Returns the tags that describe pixels."""
    values = {tag: value for tag, value in directory.values.items() if tag in ESSENTIAL}
    palette = directory.numbers(PALETTE)
    if palette and max(palette) < 256:  # some programs write eight bits instead of sixteen
        wide = struct.pack(f"{directory.order}{len(palette)}H", *(value * 257 for value in palette))
        values[PALETTE] = _Value(SHORT, wide)
    return _Directory(directory.order, values)


def _are_usual(directory: _Directory) -> bool:
    """Whether Pillow decodes samples of this kind, or this module does not."""
    photometric = directory.number(PHOTOMETRIC, WHITE_IS_ZERO)
    samples = directory.number(SAMPLES, 1)
    bits = set(directory.numbers(BITS, 1))
    if (
        photometric not in CHANNELS
        or directory.number(COMPRESSION, 1) not in LOSSLESS
        or samples < CHANNELS[photometric]
        or len(bits) > 1
        or not bits <= {*range(1, 33), 64}
        or (photometric == YCBCR and directory.numbers(SUBSAMPLING, 2, 2) != (1, 1))
    ):
        return True
    extra = samples - CHANNELS[photometric]
    bits_of_pillow = {1, 2, 4, 8} if CHANNELS[photometric] == 1 else {8, 16}
    if directory.number(PLANAR, 1) == SEPARATE_PLANES:
        bits_of_pillow.discard(16)
    is_unsigned = set(directory.numbers(FORMAT, UNSIGNED)) == {UNSIGNED}
    return is_unsigned and bits <= bits_of_pillow and extra <= EXTRA_OF_PILLOW[photometric]


def _decode(file: BinaryIO, directory: _Directory) -> Image.Image:
    """Decodes samples of any number of bits.

    Signed, floating point and 32-bit samples are scaled: the lowest becomes black and the highest
    white. All others are scaled by the range of their bits.
    """
    photometric = directory.number(PHOTOMETRIC, WHITE_IS_ZERO)
    channels = CHANNELS[photometric]
    samples = _samples(file, directory)
    pixels = _eight_bits(samples[..., :channels], directory)
    if photometric == WHITE_IS_ZERO:
        numpy.subtract(255, pixels, out=pixels)
    picture = _picture(pixels, photometric)
    extra = directory.numbers(EXTRA)[: samples.shape[2] - channels]
    kind = next((kind for kind in extra if kind in (PREMULTIPLIED, SEPARATE)), None)
    if kind is not None:
        alpha = _eight_bits(samples[..., channels + extra.index(kind)], directory)
        if kind == PREMULTIPLIED:
            visible = numpy.maximum(alpha, 1)[..., None].astype(numpy.uint16)
            pixels = numpy.minimum(pixels.astype(numpy.uint16) * 255 // visible, 255)
            picture = _picture(pixels.astype(numpy.uint8), photometric)
        picture = picture.convert("LA" if picture.mode == "L" else "RGBA")
        picture.putalpha(Image.fromarray(alpha))
    return picture


def _picture(pixels: Array, photometric: int) -> Image.Image:
    """Returns pixels, (height, width, channels), as a picture."""
    if pixels.shape[2] == 1:
        return Image.fromarray(pixels[..., 0])
    height, width, _ = pixels.shape
    mode = {RGB: "RGB", CMYK: "CMYK", YCBCR: "YCbCr"}[photometric]
    picture = Image.frombytes(mode, (width, height), pixels.tobytes())
    return picture.convert("RGB") if mode == "YCbCr" else picture


def _eight_bits(samples: Array, directory: _Directory) -> Array:
    """Returns samples from 0 to 255."""
    bits = directory.number(BITS, 1)
    kind = directory.number(FORMAT, UNSIGNED)
    low, high = 0.0, float((1 << bits) - 1)
    if kind != UNSIGNED or bits > MAX_RANGE_BITS:
        finite = [block[numpy.isfinite(block)] for block in _in_blocks(samples)]
        low = min((float(block.min()) for block in finite if block.size), default=0.0)
        high = max((float(block.max()) for block in finite if block.size), default=0.0)
    result = numpy.zeros(samples.shape, numpy.uint8)
    if high > low:
        for block, target in zip(_in_blocks(samples), _in_blocks(result), strict=True):
            values = numpy.nan_to_num(block.astype(numpy.float64), nan=low, posinf=high, neginf=low)
            target[...] = numpy.rint((values - low) * (255 / (high - low)))
    return result


def _in_blocks(samples: Array) -> Iterator[Array]:
    """Yields some rows after others, so that no large copy is needed."""
    rows = max(1, BLOCK_BYTES // max(1, samples[:1].nbytes))
    for start in range(0, len(samples), rows):
        yield samples[start : start + rows]


def _samples(file: BinaryIO, directory: _Directory) -> Array:
    """Returns all samples as numbers, (height, width, samples)."""
    height, width = directory.number(HEIGHT, 0), directory.number(WIDTH, 0)
    count = directory.number(SAMPLES, 1)
    planes = count if directory.number(PLANAR, 1) == SEPARATE_PLANES else 1
    result = numpy.empty((height, width, count), _number_type(directory))
    for plane in range(planes):
        target = result if planes == 1 else result[..., plane : plane + 1]
        for start, rows in _rows(file, directory, plane, planes):
            target[start : start + len(rows)] = _numbers(rows, directory, target.shape[2], width)
    return result


def _number_type(directory: _Directory) -> str:
    """Returns the type of the samples in memory."""
    bits = directory.number(BITS, 1)
    kind = {SIGNED: "i", FLOAT: "f"}.get(directory.number(FORMAT, UNSIGNED), "u")
    size = next(size for size in (8, 16, 32, 64) if bits <= size)
    return f"{directory.order}{kind}{size // 8}"


def _rows(
    file: BinaryIO, directory: _Directory, plane: int, planes: int
) -> Iterator[tuple[int, Array]]:
    """Yields the number of a row, and rows as bytes: (rows, tiles side by side, bytes of a row).

    Pillow uncompresses them: it reads a gray picture whose pixels are the bytes.
    """
    height, width = directory.number(HEIGHT, 0), directory.number(WIDTH, 0)
    bits = directory.number(BITS, 1) * directory.number(SAMPLES, 1) // planes
    is_tiled = TILE_WIDTH in directory.values
    rows = directory.number(TILE_HEIGHT if is_tiled else STRIP_ROWS, height)
    rows = min(rows, height)
    row_bytes = (directory.number(TILE_WIDTH, width) * bits + 7) // 8
    side_by_side = -(-width // directory.number(TILE_WIDTH, width))
    offsets, lengths = (TILES, TILE_BYTES) if is_tiled else (STRIPS, STRIP_BYTES)
    pieces = _pieces(file, directory, rows * row_bytes)
    parts = side_by_side * -(-height // rows)  # of a plane
    at_once = max(1, BLOCK_BYTES // (rows * row_bytes * side_by_side))
    for start in range(0, height, at_once * rows):
        first = plane * parts + start // rows * side_by_side
        last = min(first + at_once * side_by_side, (plane + 1) * parts)
        needed = pieces[first:last]
        places = [0, *accumulate(map(len, needed))][:-1]
        count = min(at_once * rows, height - start)
        values = {
            WIDTH: _integers(directory.order, row_bytes * side_by_side),
            HEIGHT: _integers(directory.order, count),
            BITS: _integers(directory.order, 8),
            PHOTOMETRIC: _integers(directory.order, BLACK_IS_ZERO),
            STRIP_ROWS: _integers(directory.order, rows),
            offsets: _integers(directory.order, *places),
            lengths: _integers(directory.order, *map(len, needed)),
        }
        if is_tiled:
            values[TILE_WIDTH] = _integers(directory.order, row_bytes)
        values |= {
            tag: directory.values[tag]
            for tag in (COMPRESSION, FILL_ORDER, TILE_HEIGHT)
            if tag in directory.values
        }
        bytes_of_rows = _Directory(directory.order, values).file(file, needed)
        with Image.open(bytes_of_rows, formats=["TIFF"]) as picture:
            yield start, numpy.asarray(picture).reshape(count, side_by_side, row_bytes)


def _pieces(file: BinaryIO, directory: _Directory, size: int) -> list[range]:
    """Returns where the strips or tiles are; `size` is how many bytes one has uncompressed."""
    end = file.seek(0, io.SEEK_END)
    is_tiled = TILE_WIDTH in directory.values
    starts = directory.numbers(TILES if is_tiled else STRIPS)
    lengths = directory.numbers(TILE_BYTES if is_tiled else STRIP_BYTES)
    if directory.number(COMPRESSION, 1) == 1 or len(lengths) != len(starts):
        # Some programs write wrong lengths or none, and uncompressed pixels do not need them.
        lengths = (size if directory.number(COMPRESSION, 1) == 1 else end,) * len(starts)
    return [
        range(min(start, end), min(start + length, end))
        for start, length in zip(starts, lengths, strict=True)
    ]


def _numbers(rows: Array, directory: _Directory, count: int, width: int) -> Array:
    """Returns the samples in rows of bytes as numbers: (rows, width, count)."""
    bits = directory.number(BITS, 1)
    kind = _number_type(directory)
    predictor = directory.number(PREDICTOR, 1)
    if bits in (8, 16, 32, 64):
        if predictor == FLOATING_POINT:
            rows = _undo_floating_point(rows, count, bits // 8)
            kind = kind.replace("<", ">")
        numbers = numpy.ascontiguousarray(rows).view(kind)
        numbers = numbers.reshape(*rows.shape[:2], -1, count)
        if predictor == HORIZONTAL:
            numbers = numpy.cumsum(numbers, axis=2, dtype=numbers.dtype.newbyteorder("="))
    else:
        used = rows.shape[2] * 8 // (bits * count) * bits * count
        places = numpy.unpackbits(rows, axis=2)[..., :used]
        places = places.reshape(*rows.shape[:2], -1, count, bits)
        numbers = numpy.zeros(places.shape[:-1], kind)
        for place in range(bits):
            numbers = (numbers << 1) | places[..., place]
    return numbers.reshape(len(rows), -1, count)[:, :width]


def _undo_floating_point(rows: Array, count: int, size: int) -> Array:
    """Returns rows of floating point numbers, the highest byte first.

    In the file, the first bytes of all numbers come first, each as a difference.
    """
    shape = rows.shape
    differences = rows.reshape(*shape[:2], -1, count)
    whole = numpy.cumsum(differences, axis=2, dtype=numpy.uint8)
    return whole.reshape(*shape[:2], size, -1).swapaxes(2, 3).reshape(shape)


def _integers(order: str, *numbers: int) -> _Value:
    return _Value(LONG, struct.pack(f"{order}{len(numbers)}I", *numbers))
