"""Uploaded pictures: where they are stored and when they are deleted."""

import os
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from classifier.errors import BusyError, InputError, show
from classifier.pictures.source import PictureSource

MAX_NAME = 200
MAX_FILE_NAME = 60  # characters, and a character can take four bytes
MAX_BYTES = 4 << 30  # all uploads together, after each cleanup
RESERVED_BYTES = 512 << 20  # free disk space that is left to the job store
EXPECTED = "expected an uploaded file, in Python handle_file('picture.jpg')"


class Uploads:
    """A private folder for uploads. Files are deleted before they are `max_age_seconds` old.

    The server calls `delete_expired` every `cleanup_seconds`; it deletes files that are
    older than `expiry_seconds`.
    """

    def __init__(self, folder: Path, max_age_seconds: float, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self.folder = Path(os.path.normpath(folder.absolute()))  # Gradio normalises paths so
        self.cleanup_seconds = max_age_seconds / 12
        self.expiry_seconds = max_age_seconds - 2 * self.cleanup_seconds

    def open(self) -> None:
        """Creates the folder if it does not exist, and deletes expired files."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        self.delete_expired()

    def find(self, file: object) -> Path:
        """Returns the path of the uploaded file that a request names.

        Raises InputError for everything else, so no other file is ever opened.
        """
        path = file.get("path") if isinstance(file, Mapping) else None
        if not isinstance(path, str):
            raise InputError(f"The picture is {show(file)}; {EXPECTED}.")
        found = Path(os.path.normpath(path))
        with suppress(OSError, ValueError):  # for example, the name is too long or has a NUL
            if found.is_relative_to(self.folder) and found.is_file():
                return found
        raise InputError(
            f"There is no uploaded file {show(found.name)}. Uploads are deleted after a while; "
            "upload the picture again."
        )

    def source(self, file: object) -> PictureSource:
        """Returns the uploaded picture that a request names. Raises InputError as `find` does."""
        path = self.find(file)
        return PictureSource(path, display_name(file, path))

    def has_room(self) -> bool:
        """Whether the disk has room for more uploads."""
        disk = os.statvfs(self.folder)
        return disk.f_bavail * disk.f_frsize > RESERVED_BYTES

    def save(self, content: bytes, name: str) -> Path:
        """Saves a file under a path that nobody can guess, with a file name similar to `name`.

        Raises BusyError if the disk has no room.
        """
        if not self.has_room():
            raise BusyError("The disk is nearly full.", round(self.cleanup_seconds))
        folder = self.folder / secrets.token_hex(32)
        folder.mkdir(mode=0o700)
        file = folder / re.sub(r"[^\w.-]+", "_", name[-MAX_FILE_NAME:])
        file.write_bytes(content)
        return file

    def save_edited(self, source: PictureSource) -> Path:
        """Saves an edited picture so that the user can download it. Raises BusyError."""
        assert isinstance(source.content, bytes)
        return self.save(source.content, f"{Path(source.name).stem}-edited.png")

    def delete_expired(self) -> None:
        """Deletes all expired files, also those that an interrupted upload left behind.

        If the rest takes more than `max_bytes`, the oldest files are deleted too.
        """
        end = time.time() - self.expiry_seconds
        found: list[tuple[float, int, Path]] = []
        for parent, _, files in os.walk(self.folder):
            for name in files:
                with suppress(OSError):  # another process deleted it
                    file = Path(parent, name)
                    found.append((file.lstat().st_ctime, file.lstat().st_size, file))
        total = sum(size for _, size, _ in found)
        for changed, size, file in sorted(found):
            if changed >= end and total <= self.max_bytes:
                break
            with suppress(OSError):
                file.unlink()
            total -= size
        for parent, folders, _ in os.walk(self.folder, topdown=False):
            for name in folders:
                with suppress(OSError):  # the folder is not empty
                    Path(parent, name).rmdir()


def display_name(file: object, path: Path) -> str:
    """Returns the name that the user gave to an uploaded file."""
    name = file.get("orig_name") if isinstance(file, Mapping) else None
    own = Path(name).name if isinstance(name, str) else ""
    # The name is only displayed. Unpaired surrogates cannot be sent and become question marks.
    return (own or path.name)[:MAX_NAME].encode(errors="replace").decode()
