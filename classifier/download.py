"""Downloads over HTTP that never stall for ever."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx

CHUNK_BYTES = 1 << 20

ProgressCallback = Callable[[float], None]
"""A function that is called with the completed fraction of a task, in 0-1."""


class DownloadError(Exception):
    """Raised if a file cannot be downloaded; its text is the reason, without a full stop."""


def no_progress(fraction: float) -> None:
    """A progress callback that does nothing."""


def download(
    url: str,
    path: Path,
    size: int,
    stall_seconds: float,
    report: ProgressCallback = no_progress,
) -> str:
    """Writes the file at `url` to `path` and returns its SHA-256 in hexadecimal.

    `size` is the expected number of bytes. It is used for the progress report if the server
    does not send a length. Raises DownloadError if the server fails, closes the connection
    early or is silent for `stall_seconds`. Raises OSError if the file cannot be written.
    After an error, the content of `path` is incomplete.
    """
    digest = hashlib.sha256()
    try:
        with (
            httpx.stream("GET", url, timeout=stall_seconds, follow_redirects=True) as response,
            path.open("wb") as file,
        ):
            response.raise_for_status()
            size = int(response.headers.get("Content-Length", size))
            for chunk in response.iter_bytes(CHUNK_BYTES):
                file.write(chunk)
                digest.update(chunk)
                report(min(1.0, file.tell() / max(size, 1)))
    except httpx.HTTPStatusError as error:
        raise DownloadError(f"the server answered {error.response.status_code}") from error
    except httpx.TimeoutException as error:
        raise DownloadError("the server stopped answering") from error
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        raise DownloadError("the connection broke before the file was complete") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DownloadError(f"no connection ({error})") from error
    except ValueError as error:  # of httpx, for a proxy
        raise DownloadError(f"a proxy in the environment is not valid ({error})") from error
    return digest.hexdigest()
