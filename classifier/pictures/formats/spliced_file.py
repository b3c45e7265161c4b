"""A file that consists of parts of another one, so that nothing has to be copied."""

import io
from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def splice(file: BinaryIO, parts: Iterable[bytes | range]) -> BinaryIO:
    """Returns a file with `parts` one after another: bytes, or a range of positions in `file`."""
    return io.BufferedReader(_SplicedFile(file, parts))


class _SplicedFile(io.RawIOBase):
    def __init__(self, file: BinaryIO, parts: Iterable[bytes | range]) -> None:
        self._file = file
        self._parts = [part for part in parts if len(part)]
        self._ends = [0, *accumulate(map(len, self._parts))]
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._ends[-1]}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Reads the rest of one part, or as much of it as the buffer holds."""
        number = bisect_right(self._ends, self._position) - 1
        if number >= len(self._parts):
            return 0
        start = self._position - self._ends[number]
        target = memoryview(buffer).cast("B")
        piece = self._parts[number][start : start + len(target)]
        if isinstance(piece, range):
            self._file.seek(piece.start)
            piece = self._file.read(len(piece))
        target[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)
