"""How weights get here: a verified download, one at a time for each file."""

import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from classifier.download import DownloadError, Report, download, ignore
from classifier.errors import WeightsError

POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Source:
    """Where a file of weights comes from.

    `sha256` is the beginning of its digest, `megabytes` (2²⁰ bytes) its size, roughly.
    """

    url: str
    sha256: str
    megabytes: float

    @property
    def bytes(self) -> int:
        return round(self.megabytes * (1 << 20))

    @property
    def file(self) -> str:
        return self.url.rsplit("/", 1)[-1]


class Store:
    """A folder of weights that fills on demand. `stall_seconds` bounds a silent server."""

    def __init__(self, folder: Path, stall_seconds: float = 30.0) -> None:
        self.folder = folder
        self.stall_seconds = stall_seconds
        self._verified: set[str] = set()

    def path(self, source: Source) -> Path:
        """Where the file is, or will be."""
        return self.folder / source.file

    def has(self, source: Source) -> bool:
        """Whether the file is here; its content is verified when it is fetched."""
        return self.path(source).is_file()

    def fetch(self, source: Source, report: Report = ignore) -> Path:
        """The verified file, downloaded if it is not here.

        However many callers ask, in this process or another, one downloads and the
        others wait and report its progress. Raises WeightsError, and leaves nothing
        half done, if the file cannot be had.
        """
        path = self.path(source)
        if source.file in self._verified and path.is_file():
            return path
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._turn(source, report):
                if path.is_file() and not self._is_intact(path, source):
                    path.unlink()
                if not path.is_file():
                    self._download(source, path, report)
        except (DownloadError, OSError) as error:
            raise self._failure(source, str(error)) from error
        self._verified.add(source.file)
        return path

    def _turn(self, source: Source, report: Report) -> AbstractContextManager[object]:
        """The lock of a file, held for a context; shows the holder's progress meanwhile."""
        path = self.path(source)
        lock = FileLock(f"{path}.lock")
        while True:
            try:
                return lock.acquire(timeout=POLL_SECONDS)
            except Timeout:
                partial = _partial(path)
                if partial.is_file():
                    report(min(1.0, partial.stat().st_size / source.bytes))

    def _is_intact(self, path: Path, source: Source) -> bool:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest().startswith(source.sha256)

    def _download(self, source: Source, path: Path, report: Report) -> None:
        partial = _partial(path)
        try:
            digest = download(source.url, partial, source.bytes, self.stall_seconds, report)
            if not digest.startswith(source.sha256):
                raise DownloadError(
                    f"its SHA-256 begins {digest[: len(source.sha256)]}, expected {source.sha256}"
                )
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def _failure(self, source: Source, reason: str) -> WeightsError:
        return WeightsError(
            f"Could not fetch {source.file} from {source.url}: {reason}. Try again later, "
            f"or put the file at {self.path(source)} by hand."
        )


def _partial(path: Path) -> Path:
    return path.with_name(path.name + ".partial")
