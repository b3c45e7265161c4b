import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from classifier.pictures import samples
from classifier.pictures.samples import SamplesError
from tests.support.file_server import FileServer, serving
from tests.support.server import PROJECT

PICTURE = next((PROJECT / "images").glob("*.jpg")).read_bytes()


@pytest.fixture
def files() -> Iterator[FileServer]:
    with serving() as server:
        yield server


def archive(members: dict[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as opened:
        for name, data in members.items():
            opened.writestr(name, data)
    return content.getvalue()


def test_only_pictures_are_unpacked(files: FileServer, tmp_path: Path) -> None:
    files.files["/a.zip"] = archive(
        {
            "master/n01_goldfish.JPEG": PICTURE,
            "master/README.md": b"text",
            "../../outside.jpg": PICTURE,
            "/absolute.png": PICTURE,
        }
    )
    fractions: list[float] = []
    folder = tmp_path / "deep" / "pictures"

    assert samples.fetch(files.address("/a.zip"), folder, fractions.append) == 3
    names = {"n01_goldfish.JPEG", "outside.jpg", "absolute.png"}
    assert {path.name for path in folder.iterdir()} == names
    assert [path.name for path in folder.parent.iterdir()] == ["pictures"]
    assert fractions[-1] == 1.0
    assert not (tmp_path / "outside.jpg").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"<html>not found</html>", "File is not a zip file", id="not-an-archive"),
        pytest.param(archive({"a.jpg": PICTURE})[:-50], "File is not a zip file", id="half"),
        pytest.param(
            archive({"a.txt": b"text"}), "the archive contains no pictures", id="no-pictures"
        ),
        pytest.param(None, "the server answered 404", id="missing"),
    ],
)
def test_an_unusable_archive_leaves_no_files(
    files: FileServer, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        files.files["/a.zip"] = content
    with pytest.raises(SamplesError) as raised:
        samples.fetch(files.address("/a.zip"), tmp_path / "pictures")

    message = f"Could not download the sample pictures from {files.address('/a.zip')}: {reason}"
    assert str(raised.value).startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_picture_in_the_archive_is_an_error(files: FileServer, tmp_path: Path) -> None:
    damaged = bytearray(archive({"a.jpg": PICTURE}))
    damaged[len(PICTURE) // 2] ^= 0xFF
    files.files["/a.zip"] = bytes(damaged)

    with pytest.raises(SamplesError, match="Bad CRC-32"):
        samples.fetch(files.address("/a.zip"), tmp_path / "pictures")
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_is_too_large_when_unpacked_is_refused(
    files: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "MAX_BYTES", 1 << 20)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("bomb.jpg", bytes(2 << 20))
    files.files["/a.zip"] = content.getvalue()

    with pytest.raises(SamplesError, match="unpacks to more than 1 MB"):
        samples.fetch(files.address("/a.zip"), tmp_path / "pictures")


def test_a_silent_server_causes_a_timeout(files: FileServer, tmp_path: Path) -> None:
    files.files["/a.zip"], files.pause = archive({"a.jpg": PICTURE}), 2
    with pytest.raises(SamplesError, match="the server stopped answering"):
        samples.fetch(files.address("/a.zip"), tmp_path / "pictures", stall_seconds=0.2)


def test_a_missing_network_is_explained(tmp_path: Path) -> None:
    with pytest.raises(SamplesError, match="no connection"):
        samples.fetch("http://samples.invalid/a.zip", tmp_path / "pictures")


def test_an_existing_folder_is_not_changed(files: FileServer, tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_bytes(PICTURE)
    with pytest.raises(SamplesError, match="exists already"):
        samples.fetch(files.address("/a.zip"), tmp_path)
    assert (tmp_path / "mine.jpg").read_bytes() == PICTURE
