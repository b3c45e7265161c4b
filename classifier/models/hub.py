"""Files of the Hugging Face Hub.

huggingface_hub downloads them into its own cache, and its own variables apply: HF_HOME,
HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE. It compares only the size of a file with what the hub
says; this module also compares the SHA-256 of large files.
"""

import hashlib
import logging
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm

from classifier.download import DownloadError, ProgressCallback, no_progress
from classifier.errors import WeightsError

log = logging.getLogger(__name__)

PREFIX = "hf-hub:"
RESPONSE_SECONDS = 10
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class HubFile:
    """A file of a repository on the hub, called "USER/NAME" or "USER/NAME@REVISION"."""

    repository: str
    name: str

    @property
    def address(self) -> dict[str, Any]:
        """The arguments that identify the file for huggingface_hub."""
        repository, _, revision = self.repository.partition("@")
        return {"repo_id": repository, "filename": self.name, "revision": revision or None}


def find(file: HubFile) -> Path | None:
    """Returns the path of a file in the cache, or None if it has not been downloaded."""
    found = _cached(file)
    return Path(found) if isinstance(found, str) else None


def download(
    file: HubFile, report: ProgressCallback = no_progress, *, newest: bool = False
) -> Path:
    """Returns the path of the verified file, and downloads it first if the cache lacks it.

    With `newest`, it asks the hub for a newer version, and uses the cached one if the hub does
    not respond. Of several processes that ask for the same file, one downloads it and the others
    wait. Raises FileNotFoundError if the repository has no such file, and WeightsError if it
    cannot be downloaded. An incomplete or damaged file is not kept.
    """
    try:
        path = find(file)
        if path is None or (newest and _responds(file)):
            path = _download(file, report)
        expected = _expected_digest(path)
        if expected and _digest(path) != expected:
            _remove(path)
            raise DownloadError(f"its SHA-256 differs from {expected[:8]}…, the one on the hub")
    except EntryNotFoundError as error:
        raise FileNotFoundError(f"{file.repository} has no file {file.name}") from error
    # huggingface_hub and the libraries under it have errors of many kinds.
    except Exception as error:
        if _is_known_to_be_missing(file):
            raise FileNotFoundError(f"{file.repository} has no file {file.name}") from error
        raise _failure(file, _reason(error)) from error
    return path


def exists(file: HubFile) -> bool:
    """Whether the repository has the file. Raises WeightsError if the hub does not respond."""
    if find(file) is not None:
        return True
    try:
        _check(file)
    except EntryNotFoundError:
        return False
    except Exception as error:  # as in `download`
        raise _failure(file, _reason(error)) from error
    return True


def _download(file: HubFile, report: ProgressCallback) -> Path:
    class Bar(tqdm):  # type: ignore[type-arg]
        """Passes the progress on instead of drawing it."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            options.pop("name", None)
            super().__init__(*arguments, **options | {"disable": True})
            self.total = options.get("total")
            self.n = options.get("initial", 0)

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self.total:
                report(min(1.0, self.n / self.total))

    with suppress(EntryNotFoundError):  # the next line says so, too, and remembers it
        _check(file)
    return Path(huggingface_hub.hf_hub_download(**file.address, tqdm_class=Bar))


def _check(file: HubFile) -> None:
    """Raises an error of huggingface_hub if the hub does not respond or does not give the file.

    `hf_hub_download` would try again for five minutes before it says so.
    """
    address = file.address
    url = huggingface_hub.hf_hub_url(address["repo_id"], file.name, revision=address["revision"])
    huggingface_hub.get_hf_file_metadata(url, timeout=RESPONSE_SECONDS)


def _responds(file: HubFile) -> bool:
    """Whether the hub can be reached."""
    try:
        with suppress(EntryNotFoundError):
            _check(file)
    except Exception as error:  # as in `download`
        log.warning(
            "the newest %s of %s is not available: %s", file.name, file.repository, _reason(error)
        )
        return False
    return True


def _is_known_to_be_missing(file: HubFile) -> bool:
    """Whether the hub has said before that the repository does not have the file."""
    found = _cached(file)
    return found is not None and not isinstance(found, str)


def _cached(file: HubFile) -> Any:
    """Returns the path of a file in the cache, a marker of a missing file, or None."""
    try:
        return huggingface_hub.try_to_load_from_cache(**file.address)
    except HFValidationError:
        return None


def _reason(error: BaseException) -> str:
    """Describes an error in words for people, without a full stop."""
    match error:
        case DownloadError():
            return str(error)
        case GatedRepoError():
            return "its authors must grant access first; set HF_TOKEN to the token of an account"
        case RepositoryNotFoundError():
            return "there is no such repository, or it is private and HF_TOKEN does not open it"
        case RevisionNotFoundError():
            return "the repository has no such revision"
        case HFValidationError():
            return "this is not the name of a repository; expected USER/NAME"
        case OfflineModeIsEnabled():
            return "HF_HUB_OFFLINE forbids downloads, and the file is not in the cache"
        case _ if status := getattr(getattr(error, "response", None), "status_code", None):
            return f"the server answered {status}"
    text = " ".join(str(error).split()).rstrip(".")
    if "Timeout" in type(error).__name__:
        return "the server stopped answering"
    if "Connect" in type(error).__name__:
        return f"no connection ({text})"
    if "Consistency check failed" in text or "Protocol" in type(error).__name__:
        return "the connection broke before the file was complete"
    return text or type(error).__name__


def _failure(file: HubFile, reason: str) -> WeightsError:
    return WeightsError(
        f"Could not download {file.name} of {file.repository} from "
        f"{huggingface_hub.constants.ENDPOINT}: {reason}. Try again later, or download it in "
        f"advance with `hf download {file.repository}`."
    )


def _expected_digest(path: Path) -> str | None:
    """Returns the SHA-256 that the hub gives for a file of the cache, or None if it gives none.

    The cache has a file as a link to a blob, and the blob of a large file is named by its SHA-256.
    The blob can in turn be a link to a file that several repositories share. The name of that one
    is another kind of hash, so only the first link counts.
    """
    if not path.is_symlink():  # a system without links
        return None
    blob = path.readlink().name
    return blob if SHA256.fullmatch(blob) else None


def _remove(path: Path) -> None:
    """Removes a file of the cache with all that it links to."""
    while path.is_symlink():
        target = path.parent / path.readlink()
        path.unlink()
        path = target
    path.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
