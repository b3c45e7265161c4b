"""JPEG files without their end marker, as some cameras and programs write them."""

from typing import Any

import pytest
from PIL import ImageChops

from classifier.errors import PictureError
from classifier.pictures.decoding import decode
from tests.support.picture_files import encode, scene

KINDS: dict[str, dict[str, Any]] = {
    "usual": {},
    "best": {"quality": 100, "subsampling": 0},
    "bad": {"quality": 20},
    "progressive": {"progressive": True},
    "optimised": {"optimize": True},
    "with restarts": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_end_marker_does_no_harm(kind: str, missing: int, mode: str) -> None:
    content = encode(scene(161, 99).convert(mode), "JPEG", **KINDS[kind])
    assert content.endswith(b"\xff\xd9")

    unclosed = decode(content[:-missing], "photo.jpg")

    assert not ImageChops.difference(unclosed, decode(content, "photo.jpg")).getbbox()


@pytest.mark.parametrize("missing", [4, 5, 8, 20, 100, 1000])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_its_last_pixels_is_refused(kind: str, missing: int) -> None:
    content = encode(scene(160, 96), "JPEG", **KINDS[kind])

    with pytest.raises(PictureError, match=r"'photo\.jpg' is incomplete: the end of the file is"):
        decode(content[:-missing], "photo.jpg")


def test_the_smaller_picture_of_a_file_without_an_end_is_whole() -> None:
    content = encode(scene(1600, 1000), "JPEG")

    assert decode(content[:-2], "photo.jpg", 200).size == (400, 250)
    with pytest.raises(PictureError, match="is incomplete"):
        decode(content[:-50], "photo.jpg", 200)


def test_a_thumbnail_in_a_truncated_file_is_not_its_end() -> None:
    """The thumbnail is a JPEG file in the metadata, with an end marker of its own."""
    thumbnail = encode(scene(40, 25), "JPEG")
    content = encode(scene(), "JPEG", exif=b"Exif\0\0" + thumbnail)

    with pytest.raises(PictureError, match="is incomplete"):
        decode(content[: len(content) // 2], "photo.jpg")
    assert decode(content[:-2], "photo.jpg").size == (320, 200)
