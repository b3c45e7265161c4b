import io
import stat
import struct
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import pytest

from classifier.errors import InputError, PictureError
from classifier.pictures import batch
from classifier.pictures.batch import PictureBatch
from classifier.pictures.decoding import decode
from tests.support.picture_files import encode, scene

PICTURE = encode(scene(), "PNG")


def write_zip(file: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Writes a zip archive and returns its path."""
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def names(pictures: PictureBatch) -> list[str]:
    return [item.name for item in pictures]


def content(pictures: PictureBatch, number: int = 0) -> bytes:
    opened = list(pictures)[number].open()
    return opened if isinstance(opened, bytes) else opened.read_bytes()


def error(pictures: PictureBatch, number: int = 0) -> str:
    """Returns the message of the error that an item raises."""
    with pytest.raises(PictureError) as raised:
        list(pictures)[number].open()
    return str(raised.value)


def flag(file: Path, bits: int) -> None:
    """Sets flags of the first entry, in its own header and in the archive directory."""
    data = bytearray(file.read_bytes())
    data[6] |= bits
    data[data.index(b"PK\1\2") + 8] |= bits
    file.write_bytes(data)


def set_stated_size(file: Path, size: int) -> None:
    """Replaces the stated size of the first entry by a wrong one."""
    data = bytearray(file.read_bytes())
    struct.pack_into("<I", data, 22, size)
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, size)
    file.write_bytes(data)


def test_files_and_the_contents_of_archives_keep_their_order(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(PICTURE)
    write_zip(tmp_path / "2.ZIP", {"deep/down/b.png": PICTURE, "a.png": b"another"})

    with PictureBatch([("mine.png", tmp_path / "1"), ("two.zip", tmp_path / "2.ZIP")]) as pictures:
        assert names(pictures) == ["mine.png", "deep/down/b.png", "a.png"]
        assert len(pictures) == 3
        assert [content(pictures, number) for number in range(3)] == [PICTURE, PICTURE, b"another"]
        assert decode(list(pictures)[1].open(), "b").size == (320, 200)


def test_names_in_an_archive_never_write_files(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    hostile = {
        "../../outside.png": PICTURE,
        "/etc/absolute.png": PICTURE,
        "C:\\windows\\a.png": PICTURE,
        "line\nbreak\u202e.png": PICTURE,
        "x" * 300 + ".png": PICTURE,
    }
    with PictureBatch([("a.zip", write_zip(folder / "a.zip", hostile))]) as pictures:
        assert [content(pictures, number) for number in range(5)] == [PICTURE] * 5
        assert names(pictures)[:3] == [*list(hostile)[:2], "C:/windows/a.png"]
        assert names(pictures)[3] == "line\ufffdbreak\ufffd.png"
        assert names(pictures)[4] == "…" + "x" * (batch.MAX_NAME - 5) + ".png"

    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "a.zip"]


def test_folders_and_system_files_are_skipped(tmp_path: Path) -> None:
    members = {
        "folder/": b"",
        "folder/.DS_Store": b"x",
        "__MACOSX/folder/._a.png": b"x",
        ".hidden/a.png": PICTURE,
        "folder/Thumbs.db": b"x",
        "folder/a.png": PICTURE,
        "folder/notes.txt": b"text",
    }
    hidden = tmp_path / ".DS_Store"
    files = [("folder/.DS_Store", hidden), ("a.zip", write_zip(tmp_path / "a.zip", members))]

    with PictureBatch(files) as pictures:
        assert names(pictures) == ["folder/a.png", "folder/notes.txt"]


def test_archives_of_old_windows_programs_are_read(tmp_path: Path) -> None:
    members = {
        "folder\\": b"",
        "folder\\a.png": PICTURE,
        "folder\\THUMBS.DB": b"x",
        "folder\\Desktop.ini": b"x",
        "__MACOSX\\folder\\._a.png": b"x",
        "folder\\deep\\": b"",
        "folder\\deep\\b.png": PICTURE,
    }

    with PictureBatch([("a.zip", write_zip(tmp_path / "a.zip", members))]) as pictures:
        assert names(pictures) == ["folder/a.png", "folder/deep/b.png"]
        assert content(pictures, 1) == PICTURE


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("äk.png".encode(), "äk.png"),  # as macOS: in UTF-8, but without a flag that says so
        (unicodedata.normalize("NFD", "äk.png").encode(), "äk.png"),
        ("日本.png".encode(), "日本.png"),
        ("äk.png".encode("cp437"), "äk.png"),  # as DOS
    ],
)
def test_names_in_utf_8_without_a_flag_are_read(tmp_path: Path, raw: bytes, shown: str) -> None:
    placeholder = "A" * (len(raw) - 4) + ".png"
    file = write_zip(tmp_path / "a.zip", {placeholder: PICTURE})
    file.write_bytes(file.read_bytes().replace(placeholder.encode(), raw))

    with PictureBatch([("a.zip", file)]) as pictures:
        assert names(pictures) == [shown]
        assert content(pictures, 0) == PICTURE


def test_an_encrypted_picture_is_refused(tmp_path: Path) -> None:
    file = write_zip(tmp_path / "a.zip", {"a.png": PICTURE})
    flag(file, 0x1)

    with PictureBatch([("a.zip", file)]) as pictures:
        assert error(pictures) == "'a.png' is encrypted; expected a zip archive without a password."


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")

    with PictureBatch([("a.zip", tmp_path / "a.zip")]) as pictures:
        assert error(pictures) == "'a.png' is a link to another file; expected a picture."


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_methods_without_a_bounded_output_are_refused(
    tmp_path: Path, method: int
) -> None:
    file = write_zip(tmp_path / "a.zip", {"a.png": bytes(1 << 20)}, method)

    with PictureBatch([("a.zip", file)]) as pictures:
        assert error(pictures).startswith("'a.png' uses an unsupported compression method")


def test_a_picture_is_refused_if_its_stated_size_is_too_large(tmp_path: Path) -> None:
    file = write_zip(tmp_path / "a.zip", {"a.png": PICTURE})
    set_stated_size(file, batch.MAX_BYTES_EACH + 1)

    with PictureBatch([("a.zip", file)]) as pictures:
        assert error(pictures) == "'a.png' has 64 MB; the limit is 64 MB a picture."


def test_a_zip_bomb_is_never_unpacked_beyond_its_stated_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_zip(tmp_path / "a.zip", {"a.png": bytes(2 << 20), "b.png": PICTURE})
    set_stated_size(file, 10)
    lengths = []
    read = zipfile.ZipExtFile.read

    def counted(self: zipfile.ZipExtFile, size: int | None = -1) -> bytes:
        part = read(self, size)
        lengths.append(len(part))
        return part

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    with PictureBatch([("a.zip", file)]) as pictures:
        assert error(pictures) == "'a.png' cannot be unpacked because the zip archive is damaged."
        assert sum(lengths) <= 10
        assert content(pictures, 1) == PICTURE


def test_the_unpacked_size_is_limited_for_all_archives_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MAX_BYTES", 5 << 20)
    half = bytes(2 << 20)
    files = [
        (
            f"{name}.zip",
            write_zip(tmp_path / f"{name}.zip", {f"{name}1.png": half, f"{name}2.png": half}),
        )
        for name in "ab"
    ]
    with PictureBatch(files) as pictures:
        assert [len(content(pictures, number)) for number in (0, 1)] == [2 << 20] * 2
        assert error(pictures, 2) == "'b1.png' was skipped: the batch unpacks to more than 5 MB."


def test_an_archive_directory_that_is_too_long_for_memory_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    record = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", *[0] * 16)
    entries = record * (batch.MAX_DIRECTORY_BYTES // len(record) + 1)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0, 0, len(entries), 0, 0)
    file.write_bytes(entries + end)

    with PictureBatch([("a.zip", file)]) as pictures:
        assert error(pictures) == "'a.zip' is not a zip archive that can be read, or it is damaged."


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="text"),
        pytest.param(PICTURE, id="picture"),
        pytest.param(b"PK\5\6" + b"\xff" * 18, id="nonsense"),
        pytest.param(b"PK\3\4", id="start"),
    ],
)
def test_an_unreadable_archive_is_an_item_that_raises_the_error(
    tmp_path: Path, damaged: bytes
) -> None:
    (tmp_path / "a.zip").write_bytes(damaged)
    (tmp_path / "b.png").write_bytes(PICTURE)

    with PictureBatch([("a.zip", tmp_path / "a.zip"), ("b.png", tmp_path / "b.png")]) as pictures:
        assert error(pictures) == "'a.zip' is not a zip archive that can be read, or it is damaged."
        assert content(pictures, 1) == PICTURE


def test_a_truncated_archive_and_a_damaged_entry_are_refused(tmp_path: Path) -> None:
    whole = write_zip(tmp_path / "a.zip", {"a.png": PICTURE}, zipfile.ZIP_STORED).read_bytes()
    half, damaged = tmp_path / "half.zip", tmp_path / "damaged.zip"
    half.write_bytes(whole[:-50])
    damaged.write_bytes(whole[:200] + bytes([whole[200] ^ 0xFF]) + whole[201:])

    with PictureBatch([("half.zip", half), ("damaged.zip", damaged)]) as pictures:
        assert (
            error(pictures) == "'half.zip' is not a zip archive that can be read, or it is damaged."
        )
        assert (
            error(pictures, 1) == "'a.png' cannot be unpacked because the zip archive is damaged."
        )


def test_a_batch_of_too_many_pictures_is_refused(tmp_path: Path) -> None:
    many = {f"{number}.png": b"" for number in range(batch.MAX_PICTURES)}
    file = write_zip(tmp_path / "a.zip", many)
    with PictureBatch([("a.zip", file)]) as pictures:
        assert len(pictures) == 1000

    with pytest.raises(InputError) as raised:
        PictureBatch([("a.zip", file), ("one.png", file)])
    assert str(raised.value) == (
        "A batch can have at most 1,000 pictures; send the pictures in several batches."
    )


@pytest.mark.parametrize("members", [None, {}, {"folder/": b"", "__MACOSX/._a.png": b""}])
def test_the_error_for_a_batch_without_pictures_says_what_is_expected(
    tmp_path: Path, members: dict[str, Any] | None
) -> None:
    files = [] if members is None else [("a.zip", write_zip(tmp_path / "a.zip", members))]

    with pytest.raises(InputError) as raised:
        PictureBatch(files)
    assert str(raised.value) == (
        "No pictures were given; expected files (avif, bmp, gif, heic, heif, "
        "jpeg, jpg, png, tif, tiff, webp) "
        "or a zip archive of them."
    )


def test_skipped_entries_of_archives_count_towards_the_limit(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(batch.MAX_ENTRIES // 2):
            archive.writestr(f".{number}", b"")
    file = tmp_path / "a.zip"
    file.write_bytes(content.getvalue())
    with pytest.raises(InputError, match="A batch can have at most 1,000 pictures"):
        PictureBatch([("a.zip", file)] * 3)
