import os
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from classifier.errors import PictureError, UnknownNameError
from classifier.pictures.decoding import SUFFIXES
from classifier.pictures.gallery import Gallery, file_version
from tests.support.picture_files import save, scene


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two pictures, and with much that is not a picture in it and next to it."""
    folder = tmp_path / "gallery"
    folder.mkdir()
    save(scene(8, 8), folder / "b.png")
    save(scene(8, 8), folder / "A.JPG")
    save(scene(8, 8), folder / ".hidden.png")
    save(scene(8, 8), tmp_path / "outside.png")
    (folder / "notes.txt").write_text("not a picture")
    (folder / "png").write_text("not a picture")
    (folder / "folder.jpg").mkdir()
    save(scene(8, 8), folder / "folder.jpg" / "inside.png")
    os.mkfifo(folder / "pipe.png")
    (folder / "broken.png").symlink_to(tmp_path / "nothing.png")
    return folder


def test_only_pictures_are_listed_in_alphabetical_order(folder: Path) -> None:
    save(scene(8, 8), folder / "C.webp")
    save(scene(8, 8), folder / "a.jpg")

    assert Gallery(folder).names() == ["A.JPG", "a.jpg", "b.png", "C.webp"]


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_every_format_is_listed_with_a_suffix_in_upper_or_lower_case(
    tmp_path: Path, suffix: str
) -> None:
    (tmp_path / f"lower{suffix}").touch()
    (tmp_path / f"upper{suffix.upper()}").touch()

    assert Gallery(tmp_path).names() == [f"lower{suffix}", f"upper{suffix.upper()}"]


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_letters_with_accents_are_found_however_they_are_encoded(
    tmp_path: Path, stored: Literal["NFC", "NFD"], asked: Literal["NFC", "NFD"]
) -> None:
    file = save(scene(8, 8), tmp_path / unicodedata.normalize(stored, "cafétière à thé.png"))
    name = unicodedata.normalize(asked, "cafétière à thé.png")

    assert Gallery(tmp_path).path(name) == file
    with pytest.raises(UnknownNameError):
        Gallery(tmp_path).path(name.replace("c", "d"))


def test_changes_in_the_folder_are_visible_immediately(folder: Path) -> None:
    gallery = Gallery(folder)
    save(scene(8, 8), folder / "new.png")
    assert gallery.names() == ["A.JPG", "b.png", "new.png"]
    assert gallery.path("new.png").is_file()

    (folder / "new.png").unlink()

    assert gallery.names() == ["A.JPG", "b.png"]
    with pytest.raises(UnknownNameError):
        gallery.path("new.png")


def test_a_name_that_is_not_unicode_is_not_listed(folder: Path) -> None:
    shutil.copy(folder / "b.png", folder / os.fsdecode(b"\xff.png"))

    assert Gallery(folder).names() == ["A.JPG", "b.png"]


@pytest.mark.parametrize("name", ["Ä ö.png", "写真.png", "a\u202fb.png", "it's.png", "a,b.png"])
def test_every_unicode_name_is_listed(folder: Path, name: str) -> None:
    shutil.copy(folder / "b.png", folder / name)

    assert name in Gallery(folder).names()
    assert Gallery(folder).path(name) == folder / name


def test_a_listed_name_leads_to_its_file(folder: Path) -> None:
    assert Gallery(folder).path("A.JPG") == folder / "A.JPG"


@pytest.mark.parametrize(
    "name",
    [
        "missing.png",
        "../outside.png",
        "..",
        ".",
        "",
        "./b.png",
        "b.png/",
        "b.png\0",
        "b.png ",
        "a.jpg",
        "B.PNG",
        "folder.jpg",
        "folder.jpg/inside.png",
        "notes.txt",
        "png",
        ".hidden.png",
        "pipe.png",
        "broken.png",
        "/etc/passwd",
        "x" * 5000,
        None,
        [],
        ["b.png"],
        {"path": "b.png"},
        3,
        True,
        b"b.png",
        Path("b.png"),
    ],
    ids=lambda name: repr(name)[:30],
)
def test_every_other_name_is_unknown(folder: Path, name: object) -> None:
    with pytest.raises(UnknownNameError) as caught:
        Gallery(folder).path(name)

    text = str(caught.value)
    assert text.startswith(f"No picture is called {repr(name)[:79]}")
    assert text.endswith("; valid: A.JPG, b.png.")


def test_the_absolute_path_of_a_picture_is_unknown(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="No picture is called '/"):
        Gallery(folder).path(str(folder / "b.png"))


@pytest.mark.parametrize(
    ("create", "problem"),
    [
        (lambda folder: None, "does not exist"),
        (lambda folder: folder.mkdir(), "contains no pictures"),
    ],
    ids=["missing", "empty"],
)
def test_an_empty_gallery_says_where_to_put_pictures(
    tmp_path: Path, create: Callable[[Path], None], problem: str
) -> None:
    gallery = Gallery(tmp_path / "none")
    create(gallery.folder)

    assert gallery.names() == []
    with pytest.raises(PictureError) as caught:
        gallery.path("a.jpg")
    assert str(caught.value) == gallery.empty_message()
    assert gallery.empty_message() == (
        f"The gallery folder {tmp_path / 'none'} {problem}. "
        "Put pictures (avif, bmp, gif, heic, heif, jpeg, jpg, png, tif, tiff, webp) there, "
        "or set CLASSIFIER_IMAGES to another folder."
    )


def test_the_version_of_a_file_changes_with_its_content_and_its_name(folder: Path) -> None:
    file = folder / "b.png"
    first = file_version(file)
    assert file_version(file) == first

    content, times = file.read_bytes(), file.stat()
    file.write_bytes(content[::-1])
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert file.stat().st_size == times.st_size
    assert file.stat().st_mtime_ns == times.st_mtime_ns
    assert file_version(file) != first
    assert file_version(Path(shutil.copy2(file, folder / "c.png"))) != file_version(file)
    file.unlink()
    with pytest.raises(FileNotFoundError):
        file_version(file)
