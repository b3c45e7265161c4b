import stat
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from classifier import images, piles
from classifier.errors import InputError, PictureError
from classifier.piles import Pile
from tests.pictures import encode, scene

PICTURE = encode(scene(), "PNG")


def packed(file: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def names(pile: Pile) -> list[str]:
    return [member.name for member in pile]


def content(pile: Pile, number: int = 0) -> bytes:
    got = list(pile)[number].open()
    return got if isinstance(got, bytes) else got.read_bytes()


def refusal(pile: Pile, number: int = 0) -> str:
    with pytest.raises(PictureError) as raised:
        list(pile)[number].open()
    return str(raised.value)


def test_files_and_what_archives_hold_stand_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "1").write_bytes(PICTURE)
    packed(tmp_path / "2.ZIP", {"deep/down/b.png": PICTURE, "a.png": b"another"})

    with Pile([("mine.png", tmp_path / "1"), ("two.zip", tmp_path / "2.ZIP")]) as pile:
        assert names(pile) == ["mine.png", "deep/down/b.png", "a.png"]
        assert len(pile) == 3
        assert [content(pile, number) for number in range(3)] == [PICTURE, PICTURE, b"another"]
        assert images.read(list(pile)[1].open(), "b").size == (320, 200)


def test_nothing_is_written_whatever_names_an_archive_has(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    hostile = {
        "../../outside.png": PICTURE,
        "/etc/absolute.png": PICTURE,
        "C:\\windows\\a.png": PICTURE,
        "line\nbreak\u202e.png": PICTURE,
        "x" * 300 + ".png": PICTURE,
    }
    with Pile([("a.zip", packed(folder / "a.zip", hostile))]) as pile:
        assert [content(pile, number) for number in range(5)] == [PICTURE] * 5
        assert names(pile)[:3] == list(hostile)[:3]
        assert names(pile)[3] == "line\ufffdbreak\ufffd.png"
        assert names(pile)[4] == "…" + "x" * (piles.LONGEST_NAME - 5) + ".png"

    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "a.zip"]


def test_what_systems_leave_behind_is_passed_over(tmp_path: Path) -> None:
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
    files = [("folder/.DS_Store", hidden), ("a.zip", packed(tmp_path / "a.zip", members))]

    with Pile(files) as pile:
        assert names(pile) == ["folder/a.png", "folder/notes.txt"]


def test_an_encrypted_picture_is_refused(tmp_path: Path) -> None:
    file = packed(tmp_path / "a.zip", {"a.png": PICTURE})
    flag(file, 0x1)

    with Pile([("a.zip", file)]) as pile:
        assert refusal(pile) == "'a.png' is encrypted; expected a zip without a password."


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")

    with Pile([("a.zip", tmp_path / "a.zip")]) as pile:
        assert refusal(pile) == "'a.png' is a link to another file; expected a picture."


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_bounds_are_not_used(tmp_path: Path, method: int) -> None:
    file = packed(tmp_path / "a.zip", {"a.png": bytes(1 << 20)}, method)

    with Pile([("a.zip", file)]) as pile:
        assert refusal(pile).startswith("'a.png' is compressed in a way that is not read here")


def test_a_bomb_is_refused_by_what_it_declares(tmp_path: Path) -> None:
    file = packed(tmp_path / "a.zip", {"a.png": bytes(piles.MOST_BYTES_EACH + 1)})

    with Pile([("a.zip", file)]) as pile:
        assert refusal(pile) == "'a.png' has 64 MB; at most 64 MB are unpacked."


def test_a_bomb_that_lies_is_noticed_and_never_unpacked_beyond_its_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = packed(tmp_path / "a.zip", {"a.png": bytes(2 << 20), "b.png": PICTURE})
    lie(file, 10)
    got = []
    read = zipfile.ZipExtFile.read

    def counted(self: zipfile.ZipExtFile, size: int | None = -1) -> bytes:
        part = read(self, size)
        got.append(len(part))
        return part

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    with Pile([("a.zip", file)]) as pile:
        assert refusal(pile) == "'a.png' cannot be unpacked: the zip is damaged there."
        assert sum(got) <= 10
        assert content(pile, 1) == PICTURE


def test_all_archives_together_unpack_to_so_much_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(piles, "MOST_BYTES", 5 << 20)
    half = bytes(2 << 20)
    files = [
        (
            f"{name}.zip",
            packed(tmp_path / f"{name}.zip", {f"{name}1.png": half, f"{name}2.png": half}),
        )
        for name in "ab"
    ]
    with Pile(files) as pile:
        assert [len(content(pile, number)) for number in (0, 1)] == [2 << 20] * 2
        assert refusal(pile, 2) == (
            "'b1.png' was left out; 5 MB were unpacked before it, and that is the most."
        )


def test_a_list_of_contents_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a.zip"
    record = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", *[0] * 16)
    entries = record * (piles.MOST_LIST_BYTES // len(record) + 1)
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0, 0, len(entries), 0, 0)
    file.write_bytes(entries + end)

    with Pile([("a.zip", file)]) as pile:
        assert refusal(pile) == "'a.zip' is not a zip that can be read, or it is damaged."


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="text"),
        pytest.param(PICTURE, id="picture"),
        pytest.param(b"PK\5\6" + b"\xff" * 18, id="nonsense"),
        pytest.param(b"PK\3\4", id="beginning"),
    ],
)
def test_a_zip_that_cannot_be_read_is_a_member_that_says_so(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(damaged)
    (tmp_path / "b.png").write_bytes(PICTURE)

    with Pile([("a.zip", tmp_path / "a.zip"), ("b.png", tmp_path / "b.png")]) as pile:
        assert refusal(pile) == "'a.zip' is not a zip that can be read, or it is damaged."
        assert content(pile, 1) == PICTURE


def test_half_a_zip_is_refused_and_a_damaged_picture_in_one_noticed(tmp_path: Path) -> None:
    whole = packed(tmp_path / "a.zip", {"a.png": PICTURE}, zipfile.ZIP_STORED).read_bytes()
    half, damaged = tmp_path / "half.zip", tmp_path / "damaged.zip"
    half.write_bytes(whole[:-50])
    damaged.write_bytes(whole[:200] + bytes([whole[200] ^ 0xFF]) + whole[201:])

    with Pile([("half.zip", half), ("damaged.zip", damaged)]) as pile:
        assert refusal(pile) == "'half.zip' is not a zip that can be read, or it is damaged."
        assert refusal(pile, 1) == "'a.png' cannot be unpacked: the zip is damaged there."


def test_more_pictures_than_are_taken_at_once_are_refused(tmp_path: Path) -> None:
    many = {f"{number}.png": b"" for number in range(piles.MOST_PICTURES)}
    file = packed(tmp_path / "a.zip", many)
    with Pile([("a.zip", file)]) as pile:
        assert len(pile) == 1000

    with pytest.raises(InputError) as raised:
        Pile([("a.zip", file), ("one.png", file)])
    assert str(raised.value) == (
        "More than 1,000 pictures came; send them in several parts, one after the other."
    )


@pytest.mark.parametrize("members", [None, {}, {"folder/": b"", "__MACOSX/._a.png": b""}])
def test_no_pictures_are_met_with_what_is_expected(
    tmp_path: Path, members: dict[str, Any] | None
) -> None:
    files = [] if members is None else [("a.zip", packed(tmp_path / "a.zip", members))]

    with pytest.raises(InputError) as raised:
        Pile(files)
    assert str(raised.value) == (
        "No pictures came; expected files (avif, bmp, gif, jpeg, jpg, png, tif, tiff, webp), "
        "or a zip of them."
    )


def flag(file: Path, bits: int) -> None:
    """Sets flags of the first picture, where it lies and in the list of contents."""
    data = bytearray(file.read_bytes())
    data[6] |= bits
    data[data.index(b"PK\1\2") + 8] |= bits
    file.write_bytes(data)


def lie(file: Path, size: int) -> None:
    """Lets the first picture have another size than it has."""
    data = bytearray(file.read_bytes())
    struct.pack_into("<I", data, 22, size)
    struct.pack_into("<I", data, data.index(b"PK\1\2") + 24, size)
    file.write_bytes(data)
