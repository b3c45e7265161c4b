"""The uploaded pictures of jobs, kept on disk until their jobs end."""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from classifier.errors import NoRoomError, TooLargeError

MAX_BYTES = 32 << 20  # of one picture
MAX_TOTAL_BYTES = 1 << 30
CHUNK_BYTES = 1 << 20


class JobFiles:
    """A folder with one picture a job, for several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sizes: dict[str, int] = {}
        self._lock = Lock()

    def open(self, ids: Iterable[str]) -> None:
        """Keeps the pictures of these jobs, and deletes others that an earlier server left."""
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = set(ids)
        for file in list(self._folder.iterdir()):
            if file.name in kept:
                self._sizes[file.name] = file.stat().st_size
            else:
                file.unlink(missing_ok=True)

    def path(self, id: str) -> Path:
        """Returns the path of a job's picture."""
        return self._folder / id

    def add(self, id: str, size: int, content: BinaryIO) -> None:
        """Writes a job's picture and returns when it is on the disk.

        Raises NoRoomError if there are too many pictures, and OSError if the disk fails.
        """
        with self._lock:
            if sum(self._sizes.values()) + size > MAX_TOTAL_BYTES:
                raise no_room()
            self._sizes[id] = size
        content.seek(0)
        self._folder.mkdir(parents=True, exist_ok=True)
        with self.path(id).open("wb") as file:
            shutil.copyfileobj(content, file)
            file.flush()
            os.fsync(file.fileno())
        if hasattr(os, "O_DIRECTORY"):  # the directory entry must survive a power failure too
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def remove(self, id: str) -> None:
        """Deletes a job's picture, if it has one."""
        with self._lock:
            size = self._sizes.pop(id, None)
        if size is not None:
            self.path(id).unlink(missing_ok=True)


def too_large() -> TooLargeError:
    """Returns the error for a picture of more than MAX_BYTES."""
    return TooLargeError(f"The picture has more than {MAX_BYTES >> 20} MB; send a smaller one.")


def no_room() -> NoRoomError:
    """Returns the error for a picture that would exceed MAX_TOTAL_BYTES."""
    return NoRoomError("Too many uploaded pictures are waiting.")


def sha256(content: BinaryIO) -> str:
    """Returns the SHA-256 of a picture in hexadecimal."""
    content.seek(0)
    digest = hashlib.sha256()
    while chunk := content.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()
