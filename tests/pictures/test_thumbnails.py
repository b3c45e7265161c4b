import io

import pytest
from PIL import Image

from classifier.errors import PictureError
from classifier.pictures.thumbnails import thumbnail
from tests.support.picture_files import encode, scene


@pytest.mark.parametrize("size", [(320, 200), (200, 320), (30, 20), (1, 500)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_thumbnail_is_a_square_webp_file(size: tuple[int, int], kind: str) -> None:
    content = thumbnail(encode(scene(*size), kind), "picture", 64)

    with Image.open(io.BytesIO(content)) as opened:
        assert (opened.format, opened.size) == ("WEBP", (64, 64))


def test_a_thumbnail_shows_the_middle_of_the_picture() -> None:
    picture = Image.new("RGB", (300, 100), "red")
    picture.paste("blue", (100, 0, 200, 100))

    with Image.open(io.BytesIO(thumbnail(encode(picture, "PNG"), "picture", 50))) as opened:
        assert opened.convert("RGB").getpixel((25, 25)) == pytest.approx((0, 0, 255), abs=20)


def test_a_file_that_is_not_a_picture_has_no_thumbnail() -> None:
    with pytest.raises(PictureError, match=r"^'text\.png' is not a picture that can be read"):
        thumbnail(b"text", "text.png", 64)
