"""TIFF files, which browsers do not show: the pixels are what their tags say."""

import itertools
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from classifier.errors import PictureError
from classifier.pictures.decoding import decode
from tests.support.picture_corpus import patches, profiles
from tests.support.picture_files import encode, tiff

BYTE, ASCII, SHORT, LONG, FLOAT = 1, 2, 3, 4, 11
BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, SAMPLES = 258, 259, 262, 266, 277
PLANAR, PREDICTOR, PALETTE, EXTRA, FORMAT = 284, 317, 320, 338, 339
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, INDEXED, CMYK, YCBCR, LAB = 0, 1, 2, 3, 5, 6, 8
PREMULTIPLIED, SEPARATE = 1, 2
TAGS = {
    "bits": BITS, "photometric": PHOTOMETRIC, "samples": SAMPLES, "extra": EXTRA,
    "format": FORMAT, "fill": FILL_ORDER, "planar": PLANAR, "orientation": 274,
    "subsampling": 530, "palette": PALETTE,
}  # fmt: skip
WHITE = (255, 255, 255)


def row_file(width: int, data: bytes, order: str = "<", **tags: int | Sequence[int]) -> bytes:
    """Returns a file with one row."""
    values = {
        TAGS[name]: (SHORT, [value] if isinstance(value, int) else list(value))
        for name, value in tags.items()
    }
    return tiff((width, 1), data, values, order)


def row(content: bytes) -> list[tuple[int, ...]]:
    """Returns the pixels of a file with one row."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = decode(content, "scan.tiff")
    assert picture.height == 1
    return [tuple(pixel) for pixel in numpy.asarray(picture)[0].tolist()]


def packed(values: Sequence[int], bits: int, *, reverse: bool = False) -> bytes:
    """Returns numbers of some bits each as bytes."""
    text = "".join(format(value, f"0{bits}b") for value in values)
    text += "0" * (-len(text) % 8)
    parts = [text[start : start + 8] for start in range(0, len(text), 8)]
    return bytes(int(part[::-1] if reverse else part, 2) for part in parts)


def near(expected: Sequence[Sequence[int]]) -> Any:
    return [pytest.approx(tuple(pixel), abs=1) for pixel in expected]


@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
@pytest.mark.parametrize(
    ("bits", "order"), [(1, "<"), (2, "<"), (4, ">"), (8, "<"), (12, "<"), (16, "<"), (16, ">")]
)
def test_gray_of_any_number_of_bits(bits: int, order: str, photometric: int) -> None:
    top = (1 << bits) - 1
    values = [0, top, top // 2, top // 3]
    data = struct.pack(f"{order}4H", *values) if bits == 16 else packed(values, bits)
    tones = [round(255 * value / top) for value in values]

    result = row(row_file(4, data, order, bits=bits, photometric=photometric))

    expected = [255 - tone for tone in tones] if photometric == WHITE_IS_ZERO else tones
    assert result == near([(tone,) * 3 for tone in expected])


@pytest.mark.parametrize("bits", [1, 2, 4, 12])
def test_the_order_of_bits_in_a_byte_can_be_reversed(bits: int) -> None:
    top = (1 << bits) - 1
    data = packed([0, top, 0, top], bits, reverse=True)

    assert row(row_file(4, data, bits=bits, fill=2)) == [(0,) * 3, WHITE, (0,) * 3, WHITE]


@pytest.mark.parametrize("photometric", [WHITE_IS_ZERO, BLACK_IS_ZERO])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("bits", "kind", "code", "values"),
    [
        (8, 2, "b", (-128, 127, 0, -64)),
        (16, 2, "h", (-32768, 32767, 0, -16384)),
        (32, 1, "I", (0, 2**32 - 1, 2**31, 2**30)),
        (32, 2, "i", (-(2**31), 2**31 - 1, 0, -(2**30))),
        (16, 3, "e", (0, 1, 0.5, 0.25)),
        (32, 3, "f", (-1, 1, 0, -0.5)),
        (64, 3, "d", (0, 1e300, 5e299, 2.5e299)),
    ],
)
def test_signed_large_and_floating_point_samples_are_scaled(
    bits: int, kind: int, code: str, values: Sequence[float], order: str, photometric: int
) -> None:
    data = struct.pack(f"{order}4{code}", *values)

    result = row(row_file(4, data, order, bits=bits, format=kind, photometric=photometric))

    tones = [0, 255, 128, 64]
    expected = [255 - tone for tone in tones] if photometric == WHITE_IS_ZERO else tones
    assert result == near([(tone,) * 3 for tone in expected])


COLOURS = [(255, 0, 0), (10, 200, 30)]
FLAT = [value for colour in COLOURS for value in colour]


COLOUR_FILES: list[tuple[str, bytes, Any]] = [
    ("8 bits", row_file(2, bytes(FLAT), bits=(8,) * 3, photometric=RGB, samples=3), COLOURS),
    (
        "16 bits",
        row_file(
            2,
            struct.pack("<6H", *(257 * value for value in FLAT)),
            bits=(16,) * 3,
            photometric=RGB,
            samples=3,
        ),
        COLOURS,
    ),
    (
        "16 bits, big endian",
        row_file(
            2,
            struct.pack(">6H", *(257 * value for value in FLAT)),
            ">",
            bits=(16,) * 3,
            photometric=RGB,
            samples=3,
        ),
        COLOURS,
    ),
    (
        "4 bits",
        row_file(2, packed([15, 0, 0, 1, 2, 3], 4), bits=(4,) * 3, photometric=RGB, samples=3),
        [(255, 0, 0), (17, 34, 51)],
    ),
    (
        "floating point",
        row_file(
            2,
            struct.pack("<6f", *(value / 255 for value in FLAT)),
            bits=(32,) * 3,
            photometric=RGB,
            samples=3,
            format=(3,) * 3,
        ),
        COLOURS,
    ),
    (
        "CMYK",
        row_file(
            2, bytes([0, 255, 255, 0, 0, 0, 0, 128]), bits=(8,) * 4, photometric=CMYK, samples=4
        ),
        [(255, 0, 0), (127,) * 3],
    ),
    (
        "CMYK of 16 bits",
        row_file(
            2,
            struct.pack("<8H", 0, 65535, 65535, 0, 0, 0, 0, 32896),
            bits=(16,) * 4,
            photometric=CMYK,
            samples=4,
        ),
        [(255, 0, 0), (127,) * 3],
    ),
    (
        "YCbCr",
        row_file(
            2,
            bytes([76, 85, 255, 128, 128, 128]),
            bits=(8,) * 3,
            photometric=YCBCR,
            samples=3,
            subsampling=(1, 1),
        ),
        [(254, 0, 0), (128,) * 3],
    ),
    (
        "CIELAB",
        row_file(2, bytes([255, 0, 0, 128, 0, 0]), bits=(8,) * 3, photometric=LAB, samples=3),
        [WHITE, (119,) * 3],
    ),
    (
        "palette",
        row_file(
            2,
            bytes([0, 200]),
            bits=8,
            photometric=INDEXED,
            palette=[*range(0, 65536, 257), *range(65535, -1, -257), *[30 * 257] * 256],
        ),
        [(0, 255, 30), (200, 55, 30)],
    ),
    (
        "palette of 8 bits",
        row_file(
            2,
            bytes([0, 200]),
            bits=8,
            photometric=INDEXED,
            palette=[*range(256), *range(255, -1, -1), *[30] * 256],
        ),
        [(0, 255, 30), (200, 55, 30)],
    ),
    (
        "palette of 4 bits",
        row_file(2, b"\x3f", bits=4, photometric=INDEXED, palette=[*range(0, 16 * 257, 257)] * 3),
        [(3,) * 3, (15,) * 3],
    ),
]


@pytest.mark.parametrize(
    ("content", "expected"),
    [pytest.param(content, expected, id=name) for name, content, expected in COLOUR_FILES],
)
def test_colours(content: bytes, expected: Sequence[Sequence[int]]) -> None:
    assert row(content) == near(expected)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    ("photometric", "samples", "pixels", "expected"),
    [
        (BLACK_IS_ZERO, 2, [50, 255, 50, 0], [(50,) * 3, WHITE]),
        (WHITE_IS_ZERO, 2, [50, 255, 50, 0], [(205,) * 3, WHITE]),
        (RGB, 4, [255, 0, 0, 255, 9, 9, 9, 0], [(255, 0, 0), WHITE]),
        (RGB, 4, [255, 0, 0, 128, 9, 9, 9, 0], [(255, 127, 127), WHITE]),
        (RGB, 5, [255, 0, 0, 255, 7, 9, 9, 9, 0, 7], [(255, 0, 0), WHITE]),
        (CMYK, 5, [0, 255, 255, 0, 255, 0, 0, 0, 128, 0], [(255, 0, 0), WHITE]),
    ],
)
def test_transparency(
    bits: int, photometric: int, samples: int, pixels: list[int], expected: Any
) -> None:
    data = (
        bytes(pixels) if bits == 8 else struct.pack(f"<{len(pixels)}H", *(257 * p for p in pixels))
    )
    further = samples - {BLACK_IS_ZERO: 1, WHITE_IS_ZERO: 1, RGB: 3, CMYK: 4}[photometric]
    content = row_file(
        2,
        data,
        bits=(bits,) * samples,
        photometric=photometric,
        samples=samples,
        extra=[SEPARATE, 0][:further],
    )

    assert row(content) == near(expected)


@pytest.mark.parametrize("bits", [8, 16])
def test_premultiplied_transparency(bits: int) -> None:
    pixels = [128, 0, 0, 128, 0, 0, 0, 0]
    data = bytes(pixels) if bits == 8 else struct.pack("<8H", *(257 * pixel for pixel in pixels))
    content = row_file(2, data, bits=(bits,) * 4, photometric=RGB, samples=4, extra=PREMULTIPLIED)

    assert row(content) == near([(255, 127, 127), WHITE])


@pytest.mark.parametrize(("photometric", "tone"), [(BLACK_IS_ZERO, 50), (WHITE_IS_ZERO, 205)])
def test_further_samples_without_a_meaning_are_ignored(photometric: int, tone: int) -> None:
    data = bytes([50, 255, 50, 0])

    result = row(row_file(2, data, bits=(8, 8), photometric=photometric, samples=2, extra=0))

    assert result == [(tone,) * 3] * 2


def noise(dtype: Any, samples: int) -> Any:
    """Returns random pixels of an odd size, (37, 41, samples)."""
    random = numpy.random.default_rng(1)
    if numpy.dtype(dtype).kind == "f":
        return random.random((37, 41, samples)).astype(dtype)
    return random.integers(0, numpy.iinfo(dtype).max, (37, 41, samples), dtype, endpoint=True)


@pytest.mark.parametrize(
    ("compression", "predictor"),
    [
        ("raw", 1),
        ("packbits", 1),
        ("tiff_lzw", 1),
        ("tiff_lzw", 2),
        ("tiff_adobe_deflate", 1),
        ("tiff_adobe_deflate", 2),
    ],
)
def test_compressed_gray_of_16_bits(compression: str, predictor: int) -> None:
    pixels = noise(numpy.uint16, 1)[..., 0]
    content = encode(
        Image.fromarray(pixels), "TIFF", compression=compression, tiffinfo={PREDICTOR: predictor}
    )
    negative = content.replace(
        struct.pack("<HHIH", PHOTOMETRIC, SHORT, 1, 1),
        struct.pack("<HHIH", PHOTOMETRIC, SHORT, 1, 0),
    )
    assert negative != content

    for content_, expected in ((content, pixels), (negative, 65535 - pixels)):
        result = numpy.asarray(decode(content_, "scan.tiff"))[..., 0]
        assert numpy.abs(result - expected / 257).max() <= 1


def compressed(pixels: Any, predictor: int, rows: int, *, tile: int = 0) -> bytes:
    """Returns a file with deflated strips of `rows` rows, or tiles of a width."""
    height, width, samples = pixels.shape
    bits = 8 * pixels.dtype.itemsize
    strips = []
    for start in range(0, height, rows):
        for left in range(0, width, tile or width):
            filled = rows if tile else min(rows, height - start)
            part = numpy.zeros((filled, tile or width, samples), pixels.dtype)
            block = pixels[start : start + rows, left : left + (tile or width)]
            part[: block.shape[0], : block.shape[1]] = block
            if predictor == 2:
                part[:, 1:] -= part[:, :-1].copy()
            data = part.tobytes()
            if predictor == 3:
                data = b"".join(map(_differences, part))
            strips.append(zlib.compress(data))
    offsets = [8 + sum(map(len, strips[:number])) for number in range(len(strips))]
    places = (324, 325) if tile else (273, 279)
    tags = {
        BITS: (SHORT, [bits] * samples), COMPRESSION: (SHORT, [8]),
        PHOTOMETRIC: (SHORT, [RGB if samples == 3 else BLACK_IS_ZERO]), SAMPLES: (SHORT, [samples]),
        PREDICTOR: (SHORT, [predictor]), 278: (SHORT, [rows]),
        FORMAT: (SHORT, [3 if pixels.dtype.kind == "f" else 1] * samples),
        places[0]: (LONG, offsets), places[1]: (LONG, [len(strip) for strip in strips]),
    } | ({322: (SHORT, [tile]), 323: (SHORT, [rows])} if tile else {})  # fmt: skip
    return tiff((width, height), b"".join(strips), tags)


def _differences(row_of_floats: Any) -> bytes:
    """Encodes a row for the predictor of floating point numbers."""
    width, samples = row_of_floats.shape
    size = row_of_floats.dtype.itemsize
    raw = numpy.frombuffer(row_of_floats.astype(">f4").tobytes(), numpy.uint8)
    planes = raw.reshape(width * samples, size).T.reshape(-1, samples).astype(numpy.int16)
    planes[1:] -= planes[:-1].copy()
    return (planes & 255).astype(numpy.uint8).tobytes()


@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize("samples", [1, 3])
@pytest.mark.parametrize(
    ("dtype", "predictor"),
    [(numpy.uint16, 2), (numpy.uint32, 1), (numpy.uint32, 2), (numpy.float32, 3)],
)
def test_strips_tiles_and_predictors(dtype: Any, predictor: int, samples: int, tile: int) -> None:
    pixels = noise(dtype, samples)
    pixels[0, 0], pixels[0, 1] = 0, (1 if pixels.dtype.kind == "f" else numpy.iinfo(dtype).max)
    top = 1 if pixels.dtype.kind == "f" else numpy.iinfo(dtype).max

    result = decode(compressed(pixels, predictor, 16, tile=tile), "scan.tiff")

    assert result.size == (41, 37)
    expected = numpy.broadcast_to(pixels / top * 255, (37, 41, 3))
    assert numpy.abs(numpy.asarray(result) - expected).max() <= 1


@pytest.mark.parametrize("dtype", [numpy.uint8, numpy.uint16, numpy.float32])
def test_separate_planes(dtype: Any) -> None:
    pixels = noise(dtype, 3)
    top = 1 if pixels.dtype.kind == "f" else numpy.iinfo(dtype).max
    pixels[0, 0], pixels[0, 1] = 0, top
    data = pixels.transpose(2, 0, 1).tobytes()
    content = tiff(
        (41, 37),
        data,
        {
            BITS: (SHORT, [8 * pixels.dtype.itemsize] * 3),
            PHOTOMETRIC: (SHORT, [RGB]),
            SAMPLES: (SHORT, [3]),
            PLANAR: (SHORT, [2]),
            FORMAT: (SHORT, [3 if pixels.dtype.kind == "f" else 1] * 3),
        },
        strips=3,
    )

    result = numpy.asarray(decode(content, "scan.tiff"))

    assert numpy.abs(result - pixels / top * 255).max() <= 1


@pytest.mark.parametrize("kind", [SHORT, LONG])
@pytest.mark.parametrize("bits", [8, 16])
def test_the_places_of_strips_can_be_short_numbers(bits: int, kind: int) -> None:
    pixels = noise(numpy.uint8, 1)[:36, :, 0]
    data = pixels.tobytes() if bits == 8 else (pixels.astype(numpy.uint16) * 257).tobytes()
    places = [8 + len(data) // 9 * number for number in range(9)]
    tags = {BITS: (SHORT, [bits]), 273: (kind, places), 278: (SHORT, [4])}

    result = decode(tiff((41, 36), data, tags, strips=9), "scan.tiff")

    assert (numpy.asarray(result)[..., 0] == pixels).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("bits", [8, 16])
def test_every_orientation(orientation: int, bits: int) -> None:
    upright = numpy.arange(6, dtype=numpy.uint8).reshape(2, 3) * 40
    # The stored picture; its first row and column are what the tag says.
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.T, 6: upright.T[::-1], 7: upright.T[::-1, ::-1], 8: upright.T[:, ::-1],
    }[orientation]  # fmt: skip
    data = stored.tobytes() if bits == 8 else (stored.astype(numpy.uint16) * 257).tobytes()
    height, width = stored.shape
    content = tiff((width, height), data, {BITS: (SHORT, [bits]), 274: (SHORT, [orientation])})

    assert (numpy.asarray(decode(content, "scan.tiff"))[..., 0] == upright).all()


def odd_tags() -> Iterator[tuple[str, bytes]]:
    """Yields files with tags that no pixel depends on, in every way wrong."""
    pixels = bytes([10, 200])
    wrong: dict[str, dict[int, tuple[int, Sequence[Any]]]] = {
        "resolution as text": {282: (ASCII, [b"6", b"\0"]), 283: (SHORT, [7])},
        "numbers as text": {270: (SHORT, [7]), 305: (12, [1.0]), 34665: (ASCII, [b"a", b"b"])},
        "directories elsewhere": {34665: (LONG, [99_999]), 34853: (LONG, [99_999])},
        "profile of numbers": {34675: (SHORT, [1, 2, 3])},
        "orientation as text": {274: (ASCII, [b"6", b"\0"])},
        "orientation 99": {274: (SHORT, [99])},
    }
    for name, tags in wrong.items():
        yield name, tiff((2, 1), pixels, tags)
    described = tiff((2, 1), pixels, {270: (ASCII, [b"x"] * 20)})
    start = described.find(struct.pack("<HHI", 270, ASCII, 20))
    for name, position, value in (
        ("text beyond the file", 8, struct.pack("<I", 10**8)),
        ("endless text", 4, struct.pack("<I", 1 << 31)),
        ("text of an unknown type", 2, struct.pack("<H", 99)),
    ):
        changed = bytearray(described)
        changed[start + position : start + position + len(value)] = value
        yield name, bytes(changed)


@pytest.mark.parametrize("name", dict(odd_tags()))
def test_tags_that_no_pixel_depends_on_do_no_harm(name: str) -> None:
    assert row(dict(odd_tags())[name]) == [(10,) * 3, (200,) * 3]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK"])
def test_colours_are_converted_to_srgb(mode: str) -> None:
    profile = profiles()["Display P3"]
    content = encode(patches().convert(mode), "TIFF", icc_profile=profile)
    as_png = encode(patches(), "PNG", icc_profile=profile if mode != "CMYK" else None)

    one, other = (numpy.asarray(decode(file, "picture"), numpy.int16) for file in (content, as_png))

    assert numpy.abs(one - other).max() <= 1


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("mode", ["RGB", "I;16"])
def test_a_file_without_its_end_is_called_incomplete(compression: str, mode: str) -> None:
    picture = Image.fromarray(noise(numpy.uint16, 1)[..., 0]) if mode == "I;16" else patches()
    content = encode(picture, "TIFF", compression=compression)
    # Pillow writes the tags of compressed files to the end, and those of others to the start.
    cut = content[:-100]

    with pytest.raises(PictureError, match=r"'scan\.tiff' is incomplete: the end of the file is"):
        decode(cut, "scan.tiff")


@pytest.mark.parametrize("bytes_a_sample", [1, 2, 4, 8])
def test_a_picture_with_too_many_pixels_is_refused(tmp_path: Path, bytes_a_sample: int) -> None:
    side = 8_001 if bytes_a_sample < 4 else 6_000
    content = tiff(
        (side, 8_001),
        b"",
        {BITS: (SHORT, [8 * bytes_a_sample]), FORMAT: (SHORT, [3 if bytes_a_sample > 2 else 1])},
    )

    with pytest.raises(PictureError, match=r"too many pixels; the limit is (64|32|16) million"):
        decode(content, "scan.tiff")


def test_combinations_are_read_without_an_unexpected_error() -> None:
    """Whatever the tags say, there is a picture or a sentence."""
    for bits, samples, photometric, kind, planar, extra in itertools.product(
        (0, 1, 7, 24, 32, 200), (0, 1, 3, 9), (0, 2, 5, 6, 9), (0, 1, 3), (1, 2), (0, 1, 2)
    ):
        content = row_file(
            3,
            bytes(range(200)),
            bits=(bits,) * max(1, samples),
            samples=samples,
            photometric=photometric,
            format=kind,
            planar=planar,
            extra=extra,
        )
        with suppress(PictureError):
            assert decode(content, "scan.tiff").size == (3, 1)
