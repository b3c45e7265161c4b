"""The files of a model of one's own, in a folder or in a repository of the Hugging Face Hub."""

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from classifier.errors import ModelError, show
from classifier.models import hub, imagenet
from classifier.models.hub import HubFile
from classifier.models.weights import LocalWeights

STARTS = ("./", "../", "/", "~", ".\\", "..\\")
MIN_LABELS = 2


class Files(ABC):
    """The files of a model."""

    folder: Path
    """Where the small files are."""

    @abstractmethod
    def find(self, name: str) -> Path | None:
        """Returns the path of a small file, or None if the model does not have it."""

    @abstractmethod
    def weights(self, *names: str) -> LocalWeights | HubFile:
        """Returns the first file of weights that exists.

        Raises ModelError if there is none.
        """

    def location(self, name: str) -> str:
        """Returns where a file is or would be, for a message."""
        return f"{self}/{name}"

    def text(self, name: str) -> str | None:
        """Returns the text of a small file, or None if the model does not have it.

        Raises ModelError if it is not UTF-8.
        """
        path = self.find(name)
        try:
            return None if path is None else path.read_text("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ModelError(f"{self.location(name)} is not a text in UTF-8.") from error
        except OSError as error:
            raise ModelError(f"{self.location(name)} cannot be read: {error.strerror}.") from error

    def json(self, name: str) -> dict[str, Any] | None:
        """Returns the object in a JSON file, or None if the model does not have the file.

        Raises ModelError if the file contains something else.
        """
        text = self.text(name)
        if text is None:
            return None
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelError(f"{self.location(name)} is not JSON: {error}.") from error
        if not isinstance(content, dict):
            raise ModelError(f"{self.location(name)} contains {show(content)}; expected an object.")
        return content

    def labels(self) -> tuple[str, ...]:
        """Returns the labels in labels.txt. Raises ModelError if a line is empty."""
        lines = [line.strip() for line in (self.text("labels.txt") or "").rstrip().splitlines()]
        where = self.location("labels.txt")
        if "" in lines:
            number = lines.index("") + 1
            raise ModelError(f"{where} is empty on line {number}; expected a label on each line.")
        if len(lines) < MIN_LABELS:
            raise ModelError(f"{where} has {len(lines)} labels; expected two or more, one a line.")
        return imagenet.distinct(lines)


class LocalFiles(Files):
    """The files in a folder."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = Path(name).expanduser()
        if not self.folder.is_dir():
            raise ModelError(f"{name} is not a folder; expected one with the files of a model.")

    def __str__(self) -> str:
        return self.name.rstrip("/")

    def find(self, name: str) -> Path | None:
        path = self.folder / name
        return path if path.is_file() else None

    def weights(self, *names: str) -> LocalWeights:
        for name in names:
            if path := self.find(name):
                return LocalWeights(path)
        raise ModelError(f"{self} has no file {' or '.join(names)}.")


class HubFiles(Files):
    """The files of a repository, all of the same revision."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.repository = name.removeprefix(hub.PREFIX)

    def __str__(self) -> str:
        return self.name

    def find(self, name: str) -> Path | None:
        try:
            path = hub.download(HubFile(self.repository, name), newest=True)
        except FileNotFoundError:
            return None
        self.folder = path.parent
        # The cache has a folder for each revision. All files must come from the same one.
        self.repository = f"{self.repository.partition('@')[0]}@{path.parent.name}"
        return path

    def weights(self, *names: str) -> HubFile:
        for name in names:
            file = HubFile(self.repository, name)
            if hub.exists(file):
                return file
        raise ModelError(f"{self} has no file {' or '.join(names)}.")


def is_own(name: str) -> bool:
    """Whether the name of a model is that of a folder or of a repository."""
    return name.startswith((hub.PREFIX, *STARTS))


def open_files(name: str) -> Files:
    """Returns the files of a model. Raises ModelError if there is no such folder."""
    return HubFiles(name) if name.startswith(hub.PREFIX) else LocalFiles(name)
