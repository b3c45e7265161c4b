"""Many pictures: files, and what zip archives of them hold."""

import io
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Self
from zipfile import ZipFile, ZipInfo

from classifier.errors import InputError, PictureError, show
from classifier.images import SUFFIXES

MOST_PICTURES = 1000
MOST_ENTRIES = 10 * MOST_PICTURES  # of all archives, those that are passed over among them
MOST_BYTES = 2 << 30  # of a pile, unpacked
MOST_BYTES_EACH = 64 << 20  # of one picture in an archive, unpacked
MOST_LIST_BYTES = 4 << 20  # of an archive's list of contents
CHUNK_BYTES = 1 << 20
LONGEST_NAME = 120

# Others unpack a few bytes to gigabytes in one step.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1
LEFT_BEHIND = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Member:
    """A file of a pile. `open` gives its path or content, or raises PictureError."""

    name: str
    open: Callable[[], Path | bytes]


class Pile:
    """Files one after the other, archives opened up. Nothing is unpacked onto the disk.

    Whether a file is a picture shows when it is read. Folders and what systems leave
    behind in them (.DS_Store, __MACOSX) are passed over, everything else is a member. An
    archive that cannot be read is one as well; its error says so.
    """

    def __init__(self, files: Iterable[tuple[str, Path | bytes]]) -> None:
        """Files by the names that they go by.

        Raises InputError if there are none, or more than MOST_PICTURES in all.
        """
        self._open = ExitStack()
        self._left = MOST_BYTES
        self._entries = 0
        self._lock = Lock()
        try:
            self._members = list(self._gather(files))
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members)

    def _gather(self, files: Iterable[tuple[str, Path | bytes]]) -> Iterator[Member]:
        count = 0
        for name, content in files:
            for member in self._members_of(name, content):
                count += 1
                if count > MOST_PICTURES:
                    raise too_many()
                yield member
        if not count:
            kinds = ", ".join(sorted(suffix[1:] for suffix in SUFFIXES))
            raise InputError(f"No pictures came; expected files ({kinds}), or a zip of them.")

    def _members_of(self, name: str, content: Path | bytes) -> Iterator[Member]:
        if _is_left_behind(name):
            return
        if isinstance(content, bytes) or content.suffix.lower() != ".zip":
            yield Member(short(name), lambda: content)
            return
        try:
            # ZipFile would read a list of contents of any length into memory.
            file = self._open.enter_context(_Archive(io.FileIO(content)))
            archive = self._open.enter_context(ZipFile(file))
            entries = archive.infolist()
        # Of a damaged archive nearly anything is raised, struct.error and OSError among it.
        except Exception:
            yield Member(short(name), partial(_refuse, short(name)))
            return
        self._entries += len(entries)
        if self._entries > MOST_ENTRIES:
            raise too_many()
        for entry in entries:
            if not (entry.is_dir() or _is_left_behind(entry.filename)):
                # A name in an archive is only ever shown: no path is made of it.
                yield Member(short(entry.filename), partial(self._unpack, archive, entry))

    def _unpack(self, archive: ZipFile, entry: ZipInfo) -> bytes:
        """The content of a file in an archive: never more than its entry says it has."""
        name = show(short(entry.filename))
        if entry.flag_bits & ENCRYPTED:
            raise PictureError(f"{name} is encrypted; expected a zip without a password.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise PictureError(f"{name} is a link to another file; expected a picture.")
        if entry.compress_type not in METHODS:
            raise PictureError(
                f"{name} is compressed in a way that is not read here; "
                "expected an ordinary zip (deflate)."
            )
        if entry.file_size > MOST_BYTES_EACH:
            raise PictureError(
                f"{name} has {entry.file_size >> 20:,} MB; "
                f"at most {MOST_BYTES_EACH >> 20} MB are unpacked."
            )
        with self._lock:
            if entry.file_size > self._left:
                raise PictureError(
                    f"{name} was left out; {MOST_BYTES >> 20:,} MB were unpacked before it, "
                    "and that is the most."
                )
            self._left -= entry.file_size
        try:
            with archive.open(entry) as file:
                return b"".join(iter(partial(file.read, CHUNK_BYTES), b""))
        except Exception as error:
            raise PictureError(f"{name} cannot be unpacked: the zip is damaged there.") from error


class _Archive(io.BufferedReader):
    """A file of which no part is read that is too long to be kept in memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MOST_LIST_BYTES:
            raise zipfile.BadZipFile("the list of contents is too long")
        return super().read(size)


def too_many() -> InputError:
    """What to tell someone who sends more than MOST_PICTURES."""
    return InputError(
        f"More than {MOST_PICTURES:,} pictures came; "
        "send them in several parts, one after the other."
    )


def short(name: str) -> str:
    """A name as it may stand in a table: on one line, printable, and its end if it is long."""
    text = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name
    )
    return text if len(text) <= LONGEST_NAME else f"…{text[1 - LONGEST_NAME :]}"


def _is_left_behind(name: str) -> bool:
    """Whether a system put the file there rather than a person."""
    parts = PurePosixPath(name).parts
    return any(part in LEFT_BEHIND or (part.startswith(".") and part != "..") for part in parts)


def _refuse(name: str) -> Path:
    raise PictureError(f"{show(name)} is not a zip that can be read, or it is damaged.")
