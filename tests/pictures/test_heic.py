"""HEIC files, the format of iPhones. Browsers do not show them, except for Safari."""

import struct
import time
from typing import Any

import numpy
import pytest
from PIL import Image

from classifier.errors import PictureError
from classifier.pictures.decoding import decode, detect_format
from tests.support.picture_corpus import patches, profiles
from tests.support.picture_files import encode, exif

BEST = {"quality": 100, "chroma": 444}


def difference(one: Image.Image, other: Image.Image) -> int:
    assert one.size == other.size
    pixels = [numpy.asarray(picture, numpy.int16) for picture in (one, other)]
    return int(numpy.abs(pixels[0] - pixels[1]).max())


@pytest.mark.parametrize("name", ["Display P3", "Adobe RGB", "red and blue exchanged", "cut"])
def test_colours_are_converted_as_in_other_formats(name: str) -> None:
    profile = profiles()[name]
    content = encode(patches(), "HEIC", icc_profile=profile, **BEST)
    as_png = encode(patches(), "PNG", icc_profile=profile)

    assert difference(decode(content, "photo.heic"), decode(as_png, "photo.png")) <= 6


def test_codes_of_a_colour_space_are_read() -> None:
    """Files without a profile have codes instead: here, those of Display P3."""
    plain = encode(patches(), "HEIC", **BEST)
    start = plain.index(b"colrnclx") + len(b"colrnclx")
    content = plain[:start] + struct.pack(">HH", 12, 13) + plain[start + 4 :]
    as_png = encode(patches(), "PNG", icc_profile=profiles()["Display P3"])

    assert difference(decode(content, "photo.heic"), decode(as_png, "photo.png")) <= 6


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_gray_and_coloured_pictures_are_read(mode: str) -> None:
    picture = patches().convert(mode)

    result = decode(encode(picture, "HEIC", **BEST), "photo.heic")

    assert result.mode == "RGB"
    assert difference(result, picture.convert("RGB")) <= 6


def test_transparent_parts_become_white() -> None:
    picture = Image.new("RGBA", (64, 64), (200, 30, 30, 255))
    picture.paste((0, 0, 0, 0), (32, 0, 64, 64))

    result = decode(encode(picture, "HEIC", **BEST), "photo.heic")

    assert result.getpixel((10, 32)) == pytest.approx((200, 30, 30), abs=4)
    assert result.getpixel((54, 32)) == pytest.approx((255, 255, 255), abs=4)


def test_an_odd_tag_does_no_harm() -> None:
    whole = exif((0x112, 3, 1, 6), (0x128, 3, 1, 77))
    content = encode(patches(), "HEIC", exif=b"Exif\0\0" + whole, **BEST)
    odd = content.replace(
        struct.pack("<HHIH", 0x128, 3, 1, 77), struct.pack("<HHIH", 0x128, 9, 9, 9)
    )
    assert odd != content

    assert decode(odd, "photo.heic").size == (16, 160)


@pytest.mark.parametrize("damage", [b"ispe", b"iloc", b"pitm"])
def test_damaged_files_are_refused_in_one_sentence(damage: bytes) -> None:
    content: Any = bytearray(encode(patches(), "HEIC"))
    start = content.index(damage) + 8
    content[start : start + 8] = b"\xff" * 8
    begin = time.monotonic()

    with pytest.raises(PictureError, match=r"'photo\.heic' (is|has) "):
        decode(bytes(content), "photo.heic")

    assert time.monotonic() - begin < 5


def test_the_format_has_the_name_that_people_know() -> None:
    assert detect_format(encode(patches(), "HEIC"), "photo.heic") == "HEIC"
