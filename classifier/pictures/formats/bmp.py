"""BMP files. Pillow decodes the usual ones, and this module those with masks or runs.

Source: the headers BITMAPINFOHEADER to BITMAPV5HEADER in Microsoft's documentation. Where they
leave something open, this module does what Chromium does.
"""

import struct
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import numpy
from PIL import Image

from classifier.pictures import colour_profiles
from classifier.pictures.formats.picture_file import MAX_PIXELS, PictureFile, opened_by_pillow

Array = numpy.ndarray[Any, numpy.dtype[Any]]

FILE_HEADER_BYTES = 14
INFO_BYTES, V3_BYTES, V4_BYTES, V5_BYTES = 40, 56, 108, 124
NONE, RUNS_OF_8_BITS, RUNS_OF_4_BITS, MASKS, ALPHA_MASKS = 0, 1, 2, 3, 6
# Of red, green and blue, by the number of bits.
USUAL_MASKS: dict[int, tuple[int, ...]] = {
    16: (0x7C00, 0x03E0, 0x001F),
    32: (0xFF0000, 0x00FF00, 0x0000FF),
}
EMBEDDED_PROFILE = b"DEBM"  # in the order of the file
END_OF_LINE, END_OF_PICTURE, MOVE = 0, 1, 2


@dataclass(frozen=True)
class _Header:
    file: BinaryIO
    data_start: int
    size: int
    width: int
    height: int
    is_from_top: bool
    bits: int
    compression: int
    colours: int

    @property
    def alpha_mask(self) -> int:
        """The bits of a pixel that say how opaque it is."""
        needed = {NONE: V4_BYTES, MASKS: V3_BYTES, ALPHA_MASKS: INFO_BYTES}.get(self.compression)
        if needed is None or self.size < needed:
            return 0
        return int.from_bytes(self.read(INFO_BYTES + 12, 4), "little")

    def read(self, start: int, count: int) -> bytes:
        """Returns bytes at a position in the header."""
        self.file.seek(FILE_HEADER_BYTES + start)
        return self.file.read(count)

    def data(self) -> bytes:
        self.file.seek(self.data_start)
        return self.file.read()


def matches(start: bytes) -> bool:
    return start.startswith(b"BM")


def open_picture(file: BinaryIO, stack: ExitStack) -> PictureFile:
    header = _read(file)
    file.seek(0)
    if header is None:
        return opened_by_pillow(file, ["BMP"], stack)[0]
    has_masks = header.compression in (MASKS, ALPHA_MASKS) or header.alpha_mask
    if has_masks and header.bits in (16, 32):
        opened = PictureFile(
            "BMP", (header.width, header.height), lambda min_side: _from_masks(header)
        )
    elif header.compression in (RUNS_OF_8_BITS, RUNS_OF_4_BITS):
        opened = PictureFile(
            "BMP",
            (header.width, header.height),
            lambda min_side: _from_runs(header),
            max_pixels=MAX_PIXELS // 16,  # runs are slow
        )
    elif header.compression == NONE and header.bits == 2:
        opened = PictureFile(
            "BMP", (header.width, header.height), lambda min_side: _from_2_bits(header)
        )
    else:
        opened, _ = opened_by_pillow(file, ["BMP"], stack)
    return replace(opened, profile=_profile(header))


def _read(file: BinaryIO) -> _Header | None:
    """Returns the header, or None if it is one of the oldest ones."""
    file.seek(0)
    content = file.read(FILE_HEADER_BYTES + INFO_BYTES)
    if len(content) < FILE_HEADER_BYTES + INFO_BYTES:
        return None
    (start,) = struct.unpack_from("<I", content, 10)
    size, width, height, _, bits, compression, _, _, _, colours = struct.unpack_from(
        "<IiiHHIIiiI", content, FILE_HEADER_BYTES
    )
    if size < INFO_BYTES or width <= 0 or height == 0:
        return None
    return _Header(file, start, size, width, abs(height), height < 0, bits, compression, colours)


def _profile(header: _Header) -> bytes | None:
    if header.size < V5_BYTES or header.read(56, 4) != EMBEDDED_PROFILE:
        return None
    start, size = struct.unpack("<II", header.read(112, 8))
    return header.read(start, size) if size <= colour_profiles.MAX_BYTES else None


def _palette(header: _Header) -> Array:
    """Returns the colours as RGB, (256, 3); those beyond the palette are black."""
    count = min(header.colours or 1 << header.bits, 256)
    content = header.read(header.size, 4 * count)
    colours = numpy.frombuffer(content[: len(content) // 4 * 4], numpy.uint8).reshape(-1, 4)
    palette = numpy.zeros((256, 3), numpy.uint8)
    palette[: len(colours)] = colours[:, 2::-1]
    return palette


def _upright(rows: Array, header: _Header) -> Array:
    return rows if header.is_from_top else rows[::-1]


def _rows(header: _Header) -> Array:
    """Returns the bytes of each row. Raises EOFError if there are too few."""
    row_bytes = (header.width * header.bits + 31) // 32 * 4
    data = header.data()
    if len(data) < row_bytes * header.height:
        raise EOFError
    rows = numpy.frombuffer(data, numpy.uint8, row_bytes * header.height)
    return _upright(rows.reshape(header.height, row_bytes), header)


def _from_2_bits(header: _Header) -> Image.Image:
    rows = _rows(header)
    numbers = numpy.stack([rows >> shift & 3 for shift in (6, 4, 2, 0)], axis=2)
    numbers = numbers.reshape(header.height, -1)[:, : header.width]
    return Image.fromarray(_palette(header)[numbers])


def _from_masks(header: _Header) -> Image.Image:
    """Decodes pixels in which masks tell the bits of red, green, blue and alpha."""
    masks = USUAL_MASKS[header.bits]
    if header.compression != NONE:
        masks = struct.unpack("<3I", header.read(INFO_BYTES, 12))
    values = numpy.ascontiguousarray(_rows(header)).view(f"<u{header.bits // 8}")[:, : header.width]
    if header.alpha_mask:
        masks = (*masks, header.alpha_mask)
    channels = [_scaled(values, mask) for mask in masks]
    return Image.merge("RGBA" if header.alpha_mask else "RGB", channels)


def _scaled(values: Array, mask: int) -> Image.Image:
    """Returns the bits under a mask, from 0 to 255."""
    shift = (mask & -mask).bit_length() - 1 if mask else 0
    top = mask >> shift
    if not top:
        return Image.new("L", (values.shape[1], values.shape[0]))
    bits = (values & values.dtype.type(mask & ((1 << 8 * values.dtype.itemsize) - 1))) >> shift
    scaled = bits.astype(numpy.float32)
    scaled *= 255 / top
    return Image.fromarray(scaled.round(out=scaled).astype(numpy.uint8))


def _from_runs(header: _Header) -> Image.Image:
    """Decodes runs of equal pixels. Pixels that no run covers are black, as in Chromium."""
    width, height = header.width, header.height
    numbers, gaps = _rows_of_runs(header.data(), header)
    pixels = _palette(header)[numpy.frombuffer(numbers, numpy.uint8)]
    for start, stop in gaps:
        pixels[start:stop] = 0
    return Image.fromarray(_upright(pixels.reshape(height, width, 3), header))


def _rows_of_runs(data: bytes, header: _Header) -> tuple[bytearray, list[tuple[int, int]]]:
    """Returns the numbers of all colours, and the ranges of pixels that no run covers.

    Raises EOFError if the data end early.
    """
    width, size = header.width, header.width * header.height
    is_8_bits = header.compression == RUNS_OF_8_BITS
    numbers, gaps = bytearray(), []
    line_end = width

    def skip_to(place: int) -> None:
        if place > len(numbers):
            gaps.append((len(numbers), place))
            numbers.extend(bytes(place - len(numbers)))

    position = 0
    try:
        while line_end <= size:
            count, value = data[position], data[position + 1]
            position += 2
            if count:
                if is_8_bits:
                    numbers += data[position - 1 : position] * count
                else:
                    numbers += (bytes((value >> 4, value & 15)) * ((count + 1) // 2))[:count]
                if len(numbers) > line_end:  # too many for this line
                    del numbers[line_end:]
            elif value == END_OF_LINE:
                skip_to(line_end)
                line_end += width
            elif value == END_OF_PICTURE:
                break
            elif value == MOVE:
                right, up = data[position], data[position + 1]
                position += 2
                line_end += up * width
                skip_to(min(len(numbers) + right + up * width, line_end, size))
            else:  # as many single pixels
                length = value if is_8_bits else (value + 1) // 2
                pixels = data[position : position + length]
                if len(pixels) < length:
                    raise EOFError
                position += length + length % 2
                if not is_8_bits:
                    pixels = bytes(half for byte in pixels for half in (byte >> 4, byte & 15))
                numbers += pixels[:value]
                del numbers[line_end:]
    except IndexError:
        raise EOFError from None
    skip_to(size)
    return numbers, gaps
