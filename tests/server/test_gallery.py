"""The routes of the gallery: thumbnails and previews."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from classifier.pictures.decoding import BROWSER_FORMATS, decode
from classifier.pictures.editor import PictureEditor
from classifier.pictures.edits import MAX_SIDE, Edits
from classifier.pictures.gallery import Gallery
from classifier.pictures.source import PictureSource
from classifier.server.gallery import THUMBNAIL_PIXELS, router
from tests.support.picture_corpus import profiles
from tests.support.picture_files import encode, scene
from tests.support.server import PROJECT, Server, run

ROUTES = pytest.mark.parametrize("route", ["thumbnails", "previews"])
SUFFIXES = {
    "AVIF": "avif",
    "BMP": "bmp",
    "GIF": "gif",
    "JPEG": "jpg",
    "PNG": "png",
    "WEBP": "webp",
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A client of the routes for the pictures of `tmp_path`."""
    app = FastAPI()
    app.include_router(router(Gallery(tmp_path)))
    with TestClient(app) as opened:
        yield opened


def test_every_browser_format_is_tested() -> None:
    assert set(SUFFIXES) == BROWSER_FORMATS


@pytest.mark.parametrize(("kind", "suffix"), SUFFIXES.items())
def test_browser_formats_are_sent_as_they_are(
    client: TestClient, tmp_path: Path, kind: str, suffix: str
) -> None:
    content = encode(scene(), kind)
    (tmp_path / f"a.{suffix}").write_bytes(content)
    response = client.get(f"/previews/a.{suffix}")

    assert response.status_code == 200
    assert response.content == content
    assert response.headers["Content-Type"] == f"image/{kind.lower()}"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("suffix", ["tif", "tiff"])
def test_tiff_is_sent_as_png(client: TestClient, tmp_path: Path, suffix: str) -> None:
    picture = scene()
    (tmp_path / f"a.{suffix}").write_bytes(encode(picture, "TIFF"))
    response = client.get(f"/previews/a.{suffix}")

    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    with Image.open(io.BytesIO(response.content)) as shown:
        assert shown.format == "PNG"
        assert shown.tobytes() == picture.tobytes()


def test_a_large_tiff_is_made_smaller(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(encode(scene(2 * MAX_SIDE, MAX_SIDE), "TIFF"))
    with Image.open(io.BytesIO(client.get("/previews/a.tif").content)) as shown:
        assert shown.size == (MAX_SIDE, MAX_SIDE // 2)


@pytest.mark.parametrize("kind", [*SUFFIXES, "TIFF"])
def test_thumbnails_are_small_and_square(client: TestClient, tmp_path: Path, kind: str) -> None:
    suffix = SUFFIXES.get(kind, "tif")
    (tmp_path / f"a.{suffix}").write_bytes(encode(scene(), kind))
    response = client.get(f"/thumbnails/a.{suffix}")

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "image/webp"
    assert response.headers["Cache-Control"] == "no-cache"
    with Image.open(io.BytesIO(response.content)) as shown:
        assert shown.format == "WEBP"
        assert shown.size == (THUMBNAIL_PIXELS, THUMBNAIL_PIXELS)


def test_thumbnails_and_edited_pictures_have_the_colours_that_a_model_sees(
    client: TestClient, tmp_path: Path
) -> None:
    """With this profile, blue values mean red."""
    profile = profiles()["red and blue exchanged"]
    picture = Image.new("RGB", (40, 40), (20, 30, 200))
    content = encode(picture, "PNG", icc_profile=profile)
    (tmp_path / "a.png").write_bytes(content)
    (tmp_path / "a.tiff").write_bytes(encode(picture, "TIFF", icc_profile=profile))
    source = PictureSource(content, "a.png")

    edited = run(PictureEditor().edit(source, Edits(flip="horizontal"))).content
    assert isinstance(edited, bytes)
    seen = decode(content, "a.png").getpixel((20, 20))

    assert seen == pytest.approx((200, 30, 20), abs=1)
    shown = {
        "edited": edited,
        "thumbnail": client.get("/thumbnails/a.png").content,
        "preview of TIFF": client.get("/previews/a.tiff").content,
    }
    for name, file in shown.items():
        with Image.open(io.BytesIO(file)) as opened:
            assert opened.info.get("icc_profile") is None, name
            assert opened.convert("RGB").getpixel((20, 20)) == pytest.approx(seen, abs=4), name
    # Browsers convert the file itself.
    assert client.get("/previews/a.png").content == content


def test_browsers_keep_a_thumbnail_until_the_picture_changes(
    client: TestClient, tmp_path: Path
) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(encode(scene(), "PNG"))
    version = client.get("/thumbnails/a.png").headers["ETag"]

    unchanged = client.get("/thumbnails/a.png", headers={"If-None-Match": version})
    file.write_bytes(encode(scene(300, 200), "PNG"))
    changed = client.get("/thumbnails/a.png", headers={"If-None-Match": version})

    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert changed.status_code == 200
    assert changed.headers["ETag"] != version


def test_a_file_that_is_exchanged_gets_a_new_thumbnail(client: TestClient, tmp_path: Path) -> None:
    # In this format, both files have the same size.
    file, other = tmp_path / "a.bmp", tmp_path / "b.bmp"
    red, blue = (encode(Image.new("RGB", (40, 40), colour), "BMP") for colour in ("red", "blue"))
    assert len(red) == len(blue)
    file.write_bytes(red)
    before = client.get("/thumbnails/a.bmp").content
    assert client.get("/thumbnails/a.bmp").content == before

    # As `cp --preserve` and rsync do.
    other.write_bytes(blue)
    modified = file.stat().st_mtime_ns
    os.utime(other, ns=(modified, modified))
    other.replace(file)
    assert file.stat().st_mtime_ns == modified
    after = client.get("/thumbnails/a.bmp").content

    # In the same moment, without any new time.
    file.write_bytes(red)
    assert client.get("/thumbnails/a.bmp").content == before

    with Image.open(io.BytesIO(after)) as shown:
        red_value, _, blue_value = shown.convert("RGB").getpixel((50, 50))  # type: ignore[misc]
    assert after != before
    assert blue_value > 200
    assert red_value < 50


@ROUTES
def test_a_picture_that_is_deleted_is_not_found(
    client: TestClient, tmp_path: Path, route: str
) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(encode(scene(), "PNG"))
    (tmp_path / "b.png").write_bytes(encode(scene(), "PNG"))
    assert client.get(f"/{route}/a.png").status_code == 200
    file.unlink()
    response = client.get(f"/{route}/a.png")

    assert response.status_code == 404
    assert response.json() == {"detail": "No picture is called 'a.png'; valid: b.png."}


@ROUTES
def test_a_file_that_is_no_picture_is_not_found(
    client: TestClient, tmp_path: Path, route: str
) -> None:
    (tmp_path / "a.jpg").write_text("<script>alert(1)</script>")
    response = client.get(f"/{route}/a.jpg")

    assert response.status_code == 404
    assert response.json()["detail"].startswith("'a.jpg' is not a picture that can be read")


@ROUTES
@pytest.mark.parametrize("name", ["nothing.jpg", "README.md", "..%2Fapp.py", "%2Fetc%2Fpasswd"])
def test_an_unknown_name_is_not_found(server: Server, route: str, name: str) -> None:
    response = server.http.get(f"/{route}/{name}")

    assert response.status_code == 404
    assert "import" not in response.text
    assert "root:" not in response.text


def test_the_app_has_both_routes(server: Server) -> None:
    file = PROJECT / "images" / "pretzel.jpg"
    preview = server.http.get(f"/previews/{file.name}")
    thumbnail = server.http.get(f"/thumbnails/{file.name}")

    assert preview.content == file.read_bytes()
    assert preview.headers["Content-Type"] == "image/jpeg"
    assert preview.headers["X-Content-Type-Options"] == "nosniff"
    assert thumbnail.headers["Content-Type"] == "image/webp"
