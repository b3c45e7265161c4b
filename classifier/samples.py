"""The 1,000 sample pictures that the course's own application uses."""

import shutil
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from classifier.download import DownloadError, Report, download, ignore
from classifier.errors import ClassifierError
from classifier.images import SUFFIXES

URL = "https://github.com/EliSchwartz/imagenet-sample-images/archive/refs/heads/master.zip"
EXPECTED_BYTES = 110 << 20
MOST_BYTES = 1 << 30


class SamplesError(ClassifierError):
    """Raised if the sample pictures cannot be had."""


def fetch(url: str, folder: Path, report: Report = ignore, stall_seconds: float = 30.0) -> int:
    """Downloads the archive and puts its pictures into a new folder; returns how many.

    The folder appears with all its pictures or not at all. Raises SamplesError if it
    exists already or the pictures cannot be had.
    """
    if folder.exists():
        raise SamplesError(f"{folder} is there already; delete it to fetch the pictures again.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".samples-", dir=folder.parent) as work:
            archive, pictures = Path(work, "archive.zip"), Path(work, "pictures")
            download(url, archive, EXPECTED_BYTES, stall_seconds, report)
            pictures.mkdir()
            count = _unpack(archive, pictures)
            pictures.rename(folder)
    except (DownloadError, OSError, zipfile.BadZipFile) as error:
        raise SamplesError(
            f"Could not fetch the sample pictures from {url}: {error}. Try again later, "
            f"or unpack the archive by hand and name its folder in CLASSIFIER_IMAGES."
        ) from error
    return count


def _unpack(archive: Path, folder: Path) -> int:
    """Pictures only, each under its bare name: no path in an archive is to be trusted."""
    with zipfile.ZipFile(archive) as opened:
        members = [
            member
            for member in opened.infolist()
            if not member.is_dir() and Path(member.filename).suffix.lower() in SUFFIXES
        ]
        if not members:
            raise DownloadError("the archive holds no pictures")
        if sum(member.file_size for member in members) > MOST_BYTES:
            raise DownloadError(f"the archive unpacks to more than {MOST_BYTES >> 20} MB")
        for member in members:
            with (
                opened.open(member) as source,
                (folder / Path(member.filename).name).open("wb") as target,
            ):
                shutil.copyfileobj(source, target)
    return len(members)
