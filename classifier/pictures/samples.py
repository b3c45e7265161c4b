"""The 1,000 sample pictures that the course's own application uses."""

import shutil
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from classifier.download import DownloadError, ProgressCallback, download, no_progress
from classifier.errors import ClassifierError
from classifier.pictures.decoding import SUFFIXES

URL = "https://github.com/EliSchwartz/imagenet-sample-images/archive/refs/heads/master.zip"
EXPECTED_BYTES = 110 << 20
MAX_BYTES = 1 << 30


class SamplesError(ClassifierError):
    """Raised if the sample pictures cannot be downloaded or unpacked."""


def fetch(
    url: str, folder: Path, report: ProgressCallback = no_progress, stall_seconds: float = 30.0
) -> int:
    """Downloads the archive, unpacks its pictures into a new folder and returns their number.

    The folder appears with all pictures or not at all. Raises SamplesError if the folder
    exists already or the pictures cannot be downloaded.
    """
    if folder.exists():
        raise SamplesError(f"{folder} exists already; delete it to download the pictures again.")
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
            f"Could not download the sample pictures from {url}: {error}. Try again later, "
            f"or unpack the archive yourself and set CLASSIFIER_IMAGES to its folder."
        ) from error
    return count


def _unpack(archive: Path, folder: Path) -> int:
    """Unpacks only pictures, each under its bare name: paths in archives are not trusted."""
    with zipfile.ZipFile(archive) as opened:
        members = [
            member
            for member in opened.infolist()
            if not member.is_dir() and Path(member.filename).suffix.lower() in SUFFIXES
        ]
        if not members:
            raise DownloadError("the archive contains no pictures")
        if sum(member.file_size for member in members) > MAX_BYTES:
            raise DownloadError(f"the archive unpacks to more than {MAX_BYTES >> 20} MB")
        for member in members:
            with (
                opened.open(member) as source,
                (folder / Path(member.filename).name).open("wb") as target,
            ):
                shutil.copyfileobj(source, target)
    return len(members)
