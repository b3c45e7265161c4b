"""A file from the network, whole or not at all."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx

CHUNK_BYTES = 1 << 20

Report = Callable[[float], None]
"""Called now and then with the part of the file that is here, in 0-1."""


class DownloadError(Exception):
    """Raised if a file cannot be downloaded; its text is the reason, without a full stop."""


def ignore(part: float) -> None:
    """The report of someone who does not want to know."""


def download(url: str, path: Path, size: int, stall_seconds: float, report: Report = ignore) -> str:
    """Writes the file to `path` and returns its SHA-256 in hexadecimal.

    `size` is about how many bytes to expect, for the report, if the server does not
    say. Raises DownloadError if the server is silent for `stall_seconds`, fails or
    breaks off, and OSError if the file cannot be written; what is at `path` is then
    not to be used.
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
        raise DownloadError("the connection broke before the whole file was here") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DownloadError(f"no connection ({error})") from error
    return digest.hexdigest()
