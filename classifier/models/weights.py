"""The weights of models: files that are verified, and downloaded only once if necessary."""

import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from classifier.download import DownloadError, ProgressCallback, download, no_progress
from classifier.errors import WeightsError
from classifier.models import hub
from classifier.models.hub import HubFile

POLL_SECONDS = 0.25


@dataclass(frozen=True)
class LocalWeights:
    """A file of weights that is on this machine; `sha256` is the start of its digest if known."""

    path: Path
    sha256: str = ""


@dataclass(frozen=True)
class RemoteWeights:
    """A file of weights to download.

    `sha256` is the start of its digest in hexadecimal. `megabytes` is its approximate size
    in units of 2²⁰ bytes.
    """

    url: str
    sha256: str
    megabytes: float

    @property
    def bytes(self) -> int:
        return round(self.megabytes * (1 << 20))

    @property
    def file_name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


Weights = LocalWeights | RemoteWeights | HubFile
"""Where the weights of a model are: on this machine, at an address, or on the Hugging Face Hub."""


class WeightsCache:
    """A folder of downloaded weights. A server may be silent for `stall_seconds` at most.

    Files of the Hugging Face Hub are in the cache of huggingface_hub instead.
    """

    def __init__(self, folder: Path, stall_seconds: float = 30.0) -> None:
        self.folder = folder
        self.stall_seconds = stall_seconds
        self._verified: set[Path] = set()

    def path(self, weights: RemoteWeights) -> Path:
        """Returns where the file is, or where it will be."""
        return self.folder / weights.file_name

    def has(self, weights: Weights) -> bool:
        """Whether the file exists. Its content is verified by `fetch`."""
        match weights:
            case LocalWeights():
                return weights.path.is_file()
            case RemoteWeights():
                return self.path(weights).is_file()
            case HubFile():
                return hub.find(weights) is not None

    def fetch(self, weights: Weights, report: ProgressCallback = no_progress) -> Path:
        """Returns the path of the verified file, and downloads it first if it is missing.

        If several threads or processes ask for the same file, one of them downloads it. The
        others wait and report the progress of that download. Raises WeightsError if the
        download fails, and leaves no partial file behind.
        """
        match weights:
            case LocalWeights():
                return self._verify(weights)
            case RemoteWeights():
                return self._fetch(weights, report)
            case HubFile():
                return self._fetch_from_hub(weights, report)

    def _verify(self, weights: LocalWeights) -> Path:
        path = weights.path
        if path not in self._verified:
            try:
                is_intact = _digest(path).startswith(weights.sha256)
            except OSError as error:
                raise WeightsError(f"{path} cannot be read: {error.strerror}.") from error
            if not is_intact:
                raise WeightsError(
                    f"{path} is damaged: its SHA-256 starts with "
                    f"{_digest(path)[: len(weights.sha256)]}, expected {weights.sha256}."
                )
            self._verified.add(path)
        return path

    def _fetch_from_hub(self, weights: HubFile, report: ProgressCallback) -> Path:
        path = hub.find(weights)
        if path is None or path not in self._verified:
            try:
                path = hub.download(weights, report)
            except FileNotFoundError as error:
                raise WeightsError(f"{error}; expected the weights of the model.") from error
            self._verified.add(path)
        return path

    def _fetch(self, weights: RemoteWeights, report: ProgressCallback) -> Path:
        path = self.path(weights)
        if path in self._verified and path.is_file():
            return path
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._locked(weights, report):
                if path.is_file() and not _digest(path).startswith(weights.sha256):
                    path.unlink()
                if not path.is_file():
                    self._download(weights, path, report)
        except (DownloadError, OSError) as error:
            raise self._failure(weights, str(error)) from error
        self._verified.add(path)
        return path

    def _locked(
        self, weights: RemoteWeights, report: ProgressCallback
    ) -> AbstractContextManager[object]:
        """Acquires the lock of a file; reports the progress of its holder while waiting."""
        path = self.path(weights)
        lock = FileLock(f"{path}.lock")
        while True:
            try:
                return lock.acquire(timeout=POLL_SECONDS)
            except Timeout:
                partial = _partial(path)
                if partial.is_file():
                    report(min(1.0, partial.stat().st_size / weights.bytes))

    def _download(self, weights: RemoteWeights, path: Path, report: ProgressCallback) -> None:
        partial = _partial(path)
        try:
            digest = download(weights.url, partial, weights.bytes, self.stall_seconds, report)
            if not digest.startswith(weights.sha256):
                raise DownloadError(
                    f"its SHA-256 starts with {digest[: len(weights.sha256)]}, "
                    f"expected {weights.sha256}"
                )
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _failure(self, weights: RemoteWeights, reason: str) -> WeightsError:
        return WeightsError(
            f"Could not download {weights.file_name} from {weights.url}: {reason}. Try again "
            f"later, or put the file at {self.path(weights)} yourself."
        )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")
