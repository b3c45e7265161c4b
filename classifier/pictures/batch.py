"""A batch of pictures: files, and the contents of zip archives."""

import io
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Self
from zipfile import ZipFile, ZipInfo

from classifier.errors import InputError, PictureError, show
from classifier.pictures.decoding import describe_suffixes

MAX_PICTURES = 1000
MAX_ENTRIES = 10 * MAX_PICTURES  # in all archives, including entries that are skipped
MAX_BYTES = 2 << 30  # unpacked, for the whole batch
MAX_BYTES_EACH = 64 << 20  # unpacked, for one picture in an archive
MAX_DIRECTORY_BYTES = 4 << 20  # for the directory of an archive
CHUNK_BYTES = 1 << 20
MAX_NAME = 120

# Other methods unpack a few bytes to gigabytes in one step.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED, NAME_IS_UTF_8 = 0x1, 0x800  # flags of an entry
SYSTEM_FILES = frozenset({"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class BatchItem:
    """One file of a batch. `open` returns its path or content, or raises PictureError."""

    name: str
    open: Callable[[], Path | bytes]


class PictureBatch:
    """The files of a batch in order, with archives expanded. Nothing is unpacked to the disk.

    Folders and files that operating systems create (.DS_Store, __MACOSX) are skipped, and
    everything else is an item: only decoding shows whether a file is a picture. An archive
    that cannot be read is also an item, and opening it raises the error.
    """

    def __init__(self, files: Iterable[tuple[str, Path | bytes]]) -> None:
        """Takes pairs of a display name and a file.

        Raises InputError if there are no pictures, or more than MAX_PICTURES.
        """
        self._open = ExitStack()
        self._bytes_left = MAX_BYTES
        self._entries = 0
        self._lock = Lock()
        try:
            self._items = list(self._gather(files))
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[BatchItem]:
        return iter(self._items)

    def _gather(self, files: Iterable[tuple[str, Path | bytes]]) -> Iterator[BatchItem]:
        count = 0
        for name, content in files:
            for item in self._expand(name, content):
                count += 1
                if count > MAX_PICTURES:
                    raise too_many_pictures()
                yield item
        if not count:
            raise InputError(
                "No pictures were given; "
                f"expected files ({describe_suffixes()}) or a zip archive of them."
            )

    def _expand(self, name: str, content: Path | bytes) -> Iterator[BatchItem]:
        if _is_system_file(name):
            return
        if isinstance(content, bytes) or content.suffix.lower() != ".zip":
            yield BatchItem(shorten(name), lambda: content)
            return
        try:
            # ZipFile alone would read a directory of any length into memory.
            file = self._open.enter_context(_Archive(io.FileIO(content)))
            archive = self._open.enter_context(ZipFile(file))
            entries = archive.infolist()
        # Damaged archives raise almost anything, for example struct.error and OSError.
        except Exception:
            yield BatchItem(shorten(name), partial(_refuse, shorten(name)))
            return
        self._entries += len(entries)
        if self._entries > MAX_ENTRIES:
            raise too_many_pictures()
        for entry in entries:
            # Names in archives are only displayed and never used as paths.
            path = _entry_path(entry)
            if not (path.endswith("/") or _is_system_file(path)):
                name = shorten(path)
                yield BatchItem(name, partial(self._unpack, archive, entry, show(name)))

    def _unpack(self, archive: ZipFile, entry: ZipInfo, name: str) -> bytes:
        """Returns the content of an entry, which is never longer than the entry says."""
        if entry.flag_bits & ENCRYPTED:
            raise PictureError(f"{name} is encrypted; expected a zip archive without a password.")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise PictureError(f"{name} is a link to another file; expected a picture.")
        if entry.compress_type not in METHODS:
            raise PictureError(
                f"{name} uses an unsupported compression method; "
                "expected an ordinary zip archive (deflate)."
            )
        if entry.file_size > MAX_BYTES_EACH:
            raise PictureError(
                f"{name} has {entry.file_size >> 20:,} MB; "
                f"the limit is {MAX_BYTES_EACH >> 20} MB a picture."
            )
        with self._lock:
            if entry.file_size > self._bytes_left:
                raise PictureError(
                    f"{name} was skipped: the batch unpacks to more than {MAX_BYTES >> 20:,} MB."
                )
            self._bytes_left -= entry.file_size
        try:
            with archive.open(entry) as file:
                return b"".join(iter(partial(file.read, CHUNK_BYTES), b""))
        except Exception as error:
            raise PictureError(
                f"{name} cannot be unpacked because the zip archive is damaged."
            ) from error


class _Archive(io.BufferedReader):
    """A file that refuses to read an archive directory that is too long for memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile("the directory is too long")
        return super().read(size)


def too_many_pictures() -> InputError:
    """Returns the error for a batch of more than MAX_PICTURES pictures."""
    return InputError(
        f"A batch can have at most {MAX_PICTURES:,} pictures; send the pictures in several batches."
    )


def shorten(name: str) -> str:
    """Returns a name for a table: printable, on one line, and only its end if it is long."""
    text = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name
    )
    return text if len(text) <= MAX_NAME else f"…{text[1 - MAX_NAME :]}"


def _entry_path(entry: ZipInfo) -> str:
    """Returns the path of an entry with slashes, as its author wrote it."""
    path = entry.filename
    if not entry.flag_bits & NAME_IS_UTF_8:
        # Without the flag, zipfile assumes the letters of DOS. Archives of macOS are UTF-8.
        with suppress(UnicodeError):
            path = path.encode("cp437").decode()
    return unicodedata.normalize("NFC", path).replace("\\", "/")


def _is_system_file(name: str) -> bool:
    """Whether an operating system created the file, not a person."""
    parts = PurePosixPath(name.casefold()).parts
    return any(part in SYSTEM_FILES or (part.startswith(".") and part != "..") for part in parts)


def _refuse(name: str) -> Path:
    raise PictureError(f"{show(name)} is not a zip archive that can be read, or it is damaged.")
