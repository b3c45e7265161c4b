import io
import os
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image

from classifier.errors import InputError, PictureError
from classifier.pictures import colour_profiles
from classifier.pictures.decoding import decode, detect_format
from classifier.pictures.formats import FORMATS
from classifier.pictures.formats.picture_file import MAX_PIXELS
from tests.support.permissions import as_nobody
from tests.support.picture_corpus import profiles
from tests.support.picture_files import bomb, encode, png, save, scene, with_segments

DAMAGED = "is not a picture that can be read, or it is damaged; expected one of "
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "HEIC": {"quality": 95, "chroma": 444},
}
# The transformation from the upright picture to the stored one, for each EXIF orientation.
STORED: dict[int, Callable[[Image.Image], Image.Image]] = {
    1: lambda upright: upright,
    2: lambda upright: upright.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda upright: upright.transpose(Image.Transpose.ROTATE_180),
    4: lambda upright: upright.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda upright: upright.transpose(Image.Transpose.TRANSPOSE),
    6: lambda upright: upright.transpose(Image.Transpose.ROTATE_90),
    7: lambda upright: upright.transpose(Image.Transpose.TRANSVERSE),
    8: lambda upright: upright.transpose(Image.Transpose.ROTATE_270),
}
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"/>'
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200)


def values(picture: Image.Image) -> "numpy.ndarray[Any, numpy.dtype[numpy.int16]]":
    """Returns the values of a picture as signed numbers, so that they can be subtracted."""
    return numpy.asarray(picture, dtype=numpy.int16)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Returns the mean absolute difference of two pictures of the same size, in 0-255."""
    assert one.size == other.size
    return float(numpy.abs(values(one) - values(other)).mean())


@pytest.mark.parametrize("kind", FORMATS)
def test_the_format_is_found_wherever_an_open_file_has_been_read_to(kind: str) -> None:
    file = io.BytesIO(encode(scene(), kind))
    for position in (0, 5, len(file.getvalue())):
        file.seek(position)
        assert detect_format(file, "picture") == kind


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("source", ["file", "bytes"])
def test_every_format_is_decoded_to_the_original_picture(
    tmp_path: Path, kind: str, source: str
) -> None:
    picture = scene()
    content = encode(picture, kind, **OPTIONS.get(kind, {}))
    file = tmp_path / "picture.jpg"  # the suffix must not matter
    file.write_bytes(content)

    result = decode(file if source == "file" else content, "picture")

    assert result.mode == "RGB"
    lossy = {"JPEG": 2.5, "AVIF": 2.5, "HEIC": 2.5, "GIF": 8.0}
    assert difference(result, picture) <= lossy.get(kind, 0.0)


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "AVIF", "HEIC"])
def test_every_exif_orientation_is_decoded_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = STORED[orientation](scene(48, 32))

    upright = decode(encode(stored, kind, exif=exif.tobytes(), **OPTIONS.get(kind, {})), "picture")

    assert difference(upright, scene(48, 32)) < 4


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_invalid_orientation_is_ignored(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation

    assert difference(decode(encode(scene(), "PNG", exif=exif), "picture"), scene()) == 0


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif"])
def test_damaged_exif_data_is_ignored(exif: bytes) -> None:
    assert decode(encode(scene(), "JPEG", exif=exif), "picture").size == (320, 200)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grayscale_keeps_its_values(kind: str) -> None:
    tones = numpy.array([[0, 128 * 257, 64 * 257, 65535, 100 * 257 + 120]], dtype=numpy.uint16)

    result = values(decode(encode(Image.fromarray(tones), kind), "picture"))

    assert result[0].tolist() == [[tone] * 3 for tone in (0, 128, 64, 255, 100)]


def test_16_bit_big_endian_grayscale_keeps_its_values() -> None:
    rows = b"\0" + struct.pack(">4H", 0, 128 * 257, 64 * 257, 65535)

    result = values(decode(png(4, 1, rows, depth=16), "picture"))

    assert result[0, :, 0].tolist() == [0, 128, 64, 255]


def test_16_bit_colour_keeps_its_values() -> None:
    rows = b"\0" + struct.pack(">6H", 0, 128 * 257, 65535, 10 * 257, 20 * 257, 30 * 257)

    result = values(decode(png(2, 1, rows, depth=16, colour=2), "picture"))

    assert result[0].tolist() == [[0, 128, 255], [10, 20, 30]]


@pytest.mark.parametrize(
    "numbers",
    [
        numpy.linspace(0, 1, 52, dtype=numpy.float32),
        numpy.linspace(-1000, 5000, 52, dtype=numpy.float32),
        numpy.linspace(-3e38, 3e38, 52, dtype=numpy.float32),
        numpy.arange(52, dtype=numpy.int32) + 70_000,
        numpy.arange(52, dtype=numpy.int32) * 40_000_000 - 1_000_000_000,
    ],
    ids=["unit", "signed", "huge", "narrow integers", "wide integers"],
)
def test_32_bit_values_are_scaled_from_black_to_white(numbers: Any) -> None:
    content = encode(Image.fromarray(numbers.reshape(1, 52)), "TIFF")

    result = values(decode(content, "picture"))

    assert result[0, :, 0].tolist() == pytest.approx(range(0, 256, 5), abs=1)


def test_values_that_are_not_finite_do_not_affect_the_others() -> None:
    numbers = numpy.array([[0, 0.5, 1, numpy.nan, numpy.inf, -numpy.inf]], dtype=numpy.float32)

    result = values(decode(encode(Image.fromarray(numbers), "TIFF"), "picture"))

    assert result[0, :, 0].tolist() == [0, 128, 255, 0, 255, 0]


@pytest.mark.parametrize("number", [0.0, 7.5, numpy.nan, numpy.inf])
def test_a_picture_with_equal_32_bit_values_is_black(number: float) -> None:
    numbers = numpy.full((3, 4), number, dtype=numpy.float32)

    assert decode(encode(Image.fromarray(numbers), "TIFF"), "picture").getcolors() == [
        (12, (0, 0, 0))
    ]


def transparent(mode: str) -> Image.Image:
    """Returns a picture with an opaque dark left half and a transparent red right half."""
    picture = Image.new("RGBA", (20, 10), (40, 40, 40, 255))
    picture.paste((255, 0, 0, 0), (10, 0, 20, 10))
    if mode == "P":
        indexed = Image.new("P", (20, 10), 0)
        indexed.putpalette([40, 40, 40, 255, 0, 0])
        indexed.paste(1, (10, 0, 20, 10))
        indexed.info["transparency"] = 1
        return indexed
    return picture.convert(mode)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("RGBA", "PNG"),
        ("RGBA", "WEBP"),
        ("RGBA", "TIFF"),
        ("RGBA", "AVIF"),
        ("LA", "PNG"),
        ("P", "PNG"),
        ("P", "GIF"),
    ],
)
def test_transparent_parts_become_white(mode: str, kind: str) -> None:
    picture = transparent(mode)
    options = {"transparency": 1} if mode == "P" else OPTIONS.get(kind, {})

    result = decode(encode(picture, kind, **options), "picture")

    assert result.mode == "RGB"
    assert result.getpixel((15, 5)) == (255, 255, 255)
    assert result.getpixel((5, 5)) == pytest.approx((40, 40, 40), abs=2)


def test_semitransparent_parts_are_blended_with_white() -> None:
    content = encode(Image.new("RGBA", (4, 4), (100, 0, 0, 128)), "PNG")

    result = decode(content, "picture").getpixel((0, 0))

    assert result == pytest.approx((177, 127, 127), abs=1)


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "JPEG"),
        (Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF"),
        (Image.new("YCbCr", (4, 4), (76, 85, 255)), "JPEG"),
    ],
)
def test_other_colour_spaces_are_converted_to_rgb(picture: Image.Image, kind: str) -> None:
    result = decode(encode(picture, kind), "picture")

    assert result.mode == "RGB"
    assert result.getpixel((2, 2)) == pytest.approx((254, 0, 0), abs=3)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_black_and_white_grayscale_and_palette_pictures_are_converted_to_rgb(mode: str) -> None:
    result = decode(encode(Image.new("L", (4, 4), 255).convert(mode), "PNG"), "picture")

    assert (result.mode, result.getpixel((1, 1))) == ("RGB", (255, 255, 255))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_the_first_frame_of_an_animation_is_decoded(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    content = encode(frames[0], kind, save_all=True, append_images=frames[1:])

    assert decode(content, "picture").getpixel((8, 8)) == pytest.approx((255, 0, 0), abs=3)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_unusual_sizes_are_kept(size: tuple[int, int]) -> None:
    assert decode(encode(Image.new("RGB", size), "PNG"), "picture").size == size


@pytest.mark.parametrize("size", [(8_001, 8_000), (13_000, 13_000), (60_000, 60_000)])
@pytest.mark.parametrize(
    "warnings",
    [
        pytest.param("as errors"),
        pytest.param(
            "ignored",
            marks=pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
        ),
    ],
)
def test_a_picture_with_too_many_pixels_is_refused_before_it_is_decoded(
    size: tuple[int, int], warnings: str
) -> None:
    assert size[0] * size[1] > MAX_PIXELS
    # Decoding would fail with another error, because the file has only one row of pixels.
    content = png(*size, bytes(1 + (size[0] + 7) // 8), depth=1)
    start = time.monotonic()

    with pytest.raises(PictureError) as caught:
        decode(content, "bomb.png")

    assert str(caught.value) == "'bomb.png' has too many pixels; the limit is 64 million."
    assert time.monotonic() - start < 1


def test_a_small_file_with_too_many_pixels_is_refused() -> None:
    content = bomb(13_000, 13_000)
    assert len(content) < 50_000

    with pytest.raises(PictureError, match="too many pixels; the limit is 64 million"):
        decode(content, "bomb.png")


def test_a_picture_exactly_at_the_limit_is_decoded() -> None:
    assert decode(bomb(8_000, 8_000), "large.png").size == (8_000, 8_000)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"just some text\n" * 10,
        EPS,
        SVG,
        HEIC,
        b"%PDF-1.7\n" + bytes(100),
        b"\x89PNG\r\n\x1a\n",
        encode(scene(), "PNG").replace(b"IDAT", b"IDAX"),
        encode(scene(), "PPM"),
        encode(scene(), "ICO"),
    ],
    ids=[
        "empty", "one byte", "text", "EPS", "SVG", "HEIC", "PDF", "PNG signature", "damaged PNG",
        "PPM", "ICO",
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", ["file", "bytes"])
def test_a_file_that_is_not_a_picture_is_refused_in_one_sentence(
    tmp_path: Path, content: bytes, source: str
) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(content)

    with pytest.raises(PictureError) as caught:
        decode(file if source == "file" else content, "photo.png")

    assert str(caught.value) == f"'photo.png' {DAMAGED}JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, HEIC."


@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_truncated_file_is_called_incomplete(kind: str, share: float) -> None:
    content = encode(scene(), kind)

    with pytest.raises(PictureError) as caught:
        decode(content[: int(share * len(content))], "photo.png")

    assert str(caught.value) == (
        "'photo.png' is incomplete: the end of the file is missing; expected a whole picture."
    )


def test_ghostscript_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = tmp_path / "started"
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {started}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    # This shows that the trap works: without a list of formats, Pillow starts the program.
    with pytest.raises(OSError, match=r".+"), Image.open(io.BytesIO(EPS)) as picture:
        picture.load()
    assert started.exists()
    started.unlink()

    with pytest.raises(PictureError):
        decode(EPS, "photo.png")
    assert not started.exists()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda file: None, "The file 'photo.png' does not exist; expected a picture."),
        (lambda file: file.mkdir(), "'photo.png' is a folder; expected a picture."),
    ],
    ids=["missing", "folder"],
)
def test_a_missing_file_and_a_folder_are_refused(
    tmp_path: Path, make: Callable[[Path], None], text: str
) -> None:
    file = tmp_path / "photo.png"
    make(file)

    with pytest.raises(PictureError) as caught:
        decode(file, "photo.png")

    assert str(caught.value) == text


def test_a_file_without_read_permission_is_refused(tmp_path: Path) -> None:
    file = save(scene(8, 8), tmp_path / "photo.png")
    decode(file, "photo.png")  # loads the modules of Pillow while it has the permission
    file.chmod(0)

    with as_nobody(), pytest.raises(PictureError) as caught:
        decode(file, "photo.png")

    assert (
        str(caught.value)
        == "The permissions of 'photo.png' do not allow reading it; expected a picture."
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nb\r\n.png", r"'a\nb\r\n.png'"),
        ("\x1b[2Jx\x00.png", r"'\x1b[2Jx\x00.png'"),
        ("left\u2028\u202egnp.exe", r"'left\u2028\u202egnp.exe'"),
        ("n" * 3000 + ".png", "'" + "n" * 78 + "…"),
    ],
)
def test_the_message_is_one_short_line_for_every_name(name: str, shown: str) -> None:
    with pytest.raises(InputError) as caught:
        decode(b"not a picture", name)

    assert str(caught.value).startswith(f"{shown} {DAMAGED}")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "HEIC"])
def test_no_metadata_are_left(kind: str) -> None:
    """A copy of the picture must not contain where it was taken, or be rotated again."""
    picture = scene(48, 32)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    content = encode(picture, kind, exif=exif.tobytes(), icc_profile=profiles()["Display P3"])

    assert decode(content, "picture").info == {}


def test_a_huge_animation_beside_a_picture_is_refused_before_it_is_decoded() -> None:
    """Pillow would decode the picture to find the first frame after it."""
    frames = struct.pack(">II", 1, 0)
    control = struct.pack(">IIIIIHHBB", 0, 8_001, 8_000, 0, 0, 1, 1, 0, 0)
    content = png(
        8_001,
        8_000,
        b"too few pixels",
        before=[(b"acTL", frames)],
        after=[(b"fcTL", control), (b"fdAT", struct.pack(">I", 1) + zlib.compress(b""))],
    )

    with pytest.raises(PictureError, match="has too many pixels; the limit is 64 million"):
        decode(content, "bomb.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_file_in_very_many_parts_is_refused(kind: str) -> None:
    """Millions of parts fit into an upload, and each of them takes time."""
    few, many = (
        {
            "PNG": lambda count: png(1, 1, bytes(2), before=[(b"tEXt", b"")] * count),
            "JPEG": lambda count: with_segments(encode(scene(), "JPEG"), *[(0xFE, b"")] * count),
        }[kind](count)
        for count in (1_000, 200_000)
    )

    decode(few, "picture")
    with pytest.raises(PictureError, match=DAMAGED):
        decode(many, "picture")


def test_only_a_file_of_few_boxes_is_searched_for_its_end() -> None:
    box = struct.pack(">I4s", 8, b"free")
    start = struct.pack(">I4s4s4s", 16, b"ftyp", b"avif", bytes(4))
    end = struct.pack(">I4s", 100, b"mdat")

    with pytest.raises(PictureError, match="is incomplete"):
        decode(start + box * 10 + end, "picture")
    with pytest.raises(PictureError, match=DAMAGED):
        decode(start + box * 2_000 + end, "picture")


@pytest.mark.parametrize("kind", ["WEBP", "JPEG", "PNG", "TIFF"])
def test_an_endless_profile_is_not_applied(kind: str) -> None:
    """Profiles are cached, so large ones would fill the memory."""
    profile = profiles()["red and blue exchanged"]
    large = profile + bytes(colour_profiles.MAX_BYTES)
    picture = Image.new("RGB", (32, 32), (0, 0, 255))

    small, endless = (
        decode(encode(picture, kind, icc_profile=content, **OPTIONS.get(kind, {})), "picture")
        for content in (profile, large)
    )

    assert small.getpixel((9, 9)) == pytest.approx((255, 0, 0), abs=3)
    assert endless.getpixel((9, 9)) == pytest.approx((0, 0, 255), abs=3)
