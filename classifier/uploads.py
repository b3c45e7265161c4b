"""Where the pictures that people give lie, and when they are gone again."""

import os
import re
import secrets
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from classifier.errors import BusyError, InputError, show

# Beside a picture that browsers cannot show lies one that they can.
PREVIEW = ".preview.png"
LONGEST_NAME = 200
LONGEST_FILE_NAME = 60  # characters, each of which may be four bytes
MOST_BYTES = 4 << 30  # of all, after a sweep
SPARE_BYTES = 512 << 20  # of the disk, which are left to the record of jobs
EXPECTED = "expected a file that was uploaded, in Python handle_file('picture.jpg')"


class Uploads:
    """A private folder in which nothing gets as old as `seconds`, if it is swept so often.

    `every` so many seconds, and what is older than `oldest` seconds then.
    """

    def __init__(self, folder: Path, seconds: float, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self.folder = Path(os.path.normpath(folder.absolute()))  # as Gradio writes the paths in it
        self.every = seconds / 12
        self.oldest = seconds - 2 * self.every

    def open(self) -> None:
        """Makes the folder if it is not there, and removes what is too old in it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.sweep()

    def find(self, file: object) -> Path:
        """The uploaded file that a program or the page speaks of.

        Raises InputError for anything else, so that no other file is ever opened.
        """
        path = file.get("path") if isinstance(file, Mapping) else None
        if not isinstance(path, str):
            raise InputError(f"The picture is {show(file)}; {EXPECTED}.")
        found = Path(os.path.normpath(path.removesuffix(PREVIEW)))
        with suppress(OSError, ValueError):  # a name too long, or with a zero byte, for one
            if found.is_relative_to(self.folder) and found.is_file():
                return found
        raise InputError(
            f"There is no uploaded file {show(found.name)} any more, or there never was; "
            f"uploads are kept for a while only. Give it again."
        )

    def has_room(self) -> bool:
        """Whether the disk can take more."""
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize > SPARE_BYTES

    def keep(self, content: bytes, name: str) -> Path:
        """A new file of that content, where nobody can guess it, and of about that name.

        Raises BusyError if there is no room for it.
        """
        if not self.has_room():
            raise BusyError("The disk is nearly full.", round(self.every))
        folder = self.folder / secrets.token_hex(32)
        folder.mkdir(mode=0o700)
        file = folder / re.sub(r"[^\w.-]+", "_", name[-LONGEST_FILE_NAME:])
        file.write_bytes(content)
        return file

    def sweep(self, spared: Collection[str] = ()) -> None:
        """Removes every file that has been here for too long, however it came.

        And the oldest, if all together take too much. The spared count as new: no other
        process removes them either.
        """
        for path in spared:
            with suppress(OSError):
                os.utime(path)
        end = time.time() - self.oldest
        found: list[tuple[float, int, Path]] = []
        for parent, _, files in os.walk(self.folder):
            for name in files:
                with suppress(OSError):  # somebody else removed it
                    file = Path(parent, name)
                    found.append((file.lstat().st_ctime, file.lstat().st_size, file))
        total = sum(size for _, size, _ in found)
        for changed, size, file in sorted(found):
            if changed >= end and total <= self.most_bytes:
                break
            with suppress(OSError):
                file.unlink()
            total -= size
        for parent, folders, _ in os.walk(self.folder, topdown=False):
            for name in folders:
                with suppress(OSError):  # it is not empty
                    Path(parent, name).rmdir()


def name_of(file: object, path: Path) -> str:
    """What its owner calls an uploaded file."""
    name = file.get("orig_name") if isinstance(file, Mapping) else None
    own = Path(name.removesuffix(PREVIEW)).name if isinstance(name, str) else ""
    # It is only ever shown; what cannot be sent, halves of characters, becomes question marks.
    return (own or path.name)[:LONGEST_NAME].encode(errors="replace").decode()
