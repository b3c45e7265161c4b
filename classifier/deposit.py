"""Uploaded pictures, kept on disk until their jobs have ended."""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from classifier.errors import TooLargeError

MOST_BYTES = 32 << 20  # of one picture
MOST_BYTES_TOGETHER = 1 << 30
PIECE_BYTES = 1 << 20


class Deposit:
    """A folder of pictures by ticket. Its methods wait for the disk, but for `room`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sizes: dict[str, int] = {}

    def open(self, tickets: Iterable[str]) -> None:
        """Keeps the pictures of these jobs and removes those that an earlier server left."""
        self._folder.mkdir(parents=True, exist_ok=True)
        kept = set(tickets)
        for file in list(self._folder.iterdir()):
            if file.name in kept:
                self._sizes[file.name] = file.stat().st_size
            elif file.name not in self._sizes:
                file.unlink(missing_ok=True)

    def path(self, ticket: str) -> Path:
        """Where a job's picture is."""
        return self._folder / ticket

    def has_room(self, size: int) -> bool:
        """Whether so many more bytes may be kept."""
        return sum(self._sizes.values()) + size <= MOST_BYTES_TOGETHER

    def reserve(self, ticket: str, size: int) -> None:
        """Counts a picture that is about to be put."""
        self._sizes[ticket] = size

    def put(self, ticket: str, content: BinaryIO) -> None:
        """Writes a job's picture; it is on the disk when this returns. Raises OSError."""
        content.seek(0)
        self._folder.mkdir(parents=True, exist_ok=True)
        with self.path(ticket).open("wb") as file:
            shutil.copyfileobj(content, file)
            file.flush()
            os.fsync(file.fileno())
        if hasattr(os, "O_DIRECTORY"):  # the name must last too, where the system can say so
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def remove(self, ticket: str) -> None:
        """Removes a job's picture, if it has one."""
        if self._sizes.pop(ticket, None) is not None:
            self.path(ticket).unlink(missing_ok=True)


def too_large() -> TooLargeError:
    """What to tell about a picture of more than MOST_BYTES."""
    return TooLargeError(f"The picture has more than {MOST_BYTES >> 20} MB; send a smaller one.")


def digest(content: BinaryIO) -> str:
    """The SHA-256 of a picture in hexadecimal."""
    content.seek(0)
    found = hashlib.sha256()
    while piece := content.read(PIECE_BYTES):
        found.update(piece)
    return found.hexdigest()
