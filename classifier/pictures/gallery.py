"""The gallery: a folder of sample pictures that people can choose from."""

import unicodedata
from collections.abc import Hashable
from contextlib import suppress
from pathlib import Path

from classifier.errors import PictureError, UnknownNameError
from classifier.pictures.decoding import SUFFIXES, describe_suffixes


class Gallery:
    """The pictures of a folder, by file name. Changes in the folder are visible immediately."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> list[str]:
        """Returns the sorted names of the picture files; an empty list without a folder."""
        return [file.name for file in picture_files(self.folder) if _is_unicode(file.name)]

    def path(self, name: object) -> Path:
        """Returns the path of a picture.

        Letters with accents can be written in two ways in Unicode, and both find a file.
        Raises UnknownNameError for everything that is not one of `names()`, so no path
        outside the folder is ever opened. Raises PictureError if the gallery is empty.
        """
        # The folder may hold thousands of files, so list them only for the error message.
        if isinstance(name, str) and Path(name).name == name:
            with suppress(OSError):  # for example, the name is too long for the file system
                if _is_unicode(name) and _is_picture_file(self.folder / name):
                    return self.folder / name
        names = self.names()
        for other in names:
            if isinstance(name, str) and _composed(other) == _composed(name):
                return self.folder / other
        if not names:
            raise PictureError(self.empty_message())
        raise UnknownNameError("picture", name, names)

    def empty_message(self) -> str:
        """Returns the message for people who find an empty gallery."""
        problem = "contains no pictures" if self.folder.is_dir() else "does not exist"
        return (
            f"The gallery folder {self.folder} {problem}. Put pictures ({describe_suffixes()}) "
            "there, or set CLASSIFIER_IMAGES to another folder."
        )


def picture_files(folder: Path) -> list[Path]:
    """Returns the picture files in a folder, sorted by name; none if it cannot be read."""
    try:
        files = [file for file in folder.iterdir() if _is_picture_file(file)]
    except OSError:
        return []
    return sorted(files, key=lambda file: (file.name.casefold(), file.name))


def file_version(path: Path) -> Hashable:
    """Returns a value that changes whenever the file changes. Raises OSError if it is gone."""
    state = path.stat()
    # Copying can preserve the modification time, but never the time of the last status change.
    return path.name, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_size


def _is_picture_file(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _is_unicode(name: str) -> bool:
    """Whether a file name is valid Unicode. Other names cannot be sent as JSON."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
