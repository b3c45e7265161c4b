"""A server on this machine that speaks the protocol of the Hugging Face Hub."""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

COMMIT = "a" * 40


class HubServer(ThreadingHTTPServer):
    """Serves `files`, called "USER/NAME/FILE", all of the same commit.

    `behaviour` says how it sends them: "whole", "slow", "other" (another content than announced),
    "half", "silent" or "500". Repositories in `gated` are closed, and those in `private` need the
    token "secret". With `xet_hash`, the files are in Xet storage. `requests` counts the requests by
    their method and file.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.behaviour = "whole"
        self.commit = COMMIT
        self.xet_hash = ""
        self.gated: set[str] = set()
        self.private: set[str] = set()
        self.requests: Counter[tuple[str, str]] = Counter()
        self.end = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, repository: str, folder: Path) -> None:
        """Puts the files of a folder into a repository."""
        for file in folder.iterdir():
            self.files[f"{repository}/{file.name}"] = file.read_bytes()


@contextmanager
def serving() -> Iterator[HubServer]:
    """Starts a server, and stops it afterwards."""
    with HubServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.end.set()
            server.shutdown()
            thread.join()


@contextmanager
def serving_hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """Starts a server, and makes huggingface_hub use it in this process with an empty cache."""
    with serving() as server:
        constants = huggingface_hub.constants
        # huggingface_hub reads its variables only once, when it is imported.
        template = f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        # Between two attempts, huggingface_hub waits for seconds.
        for module in ("huggingface_hub.utils._http", "huggingface_hub.file_download"):
            monkeypatch.setattr(f"{module}.time", _NoWaiting())
        yield server


class _NoWaiting:
    """Stands in for the module time."""

    def sleep(self, seconds: float) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


class _Handler(BaseHTTPRequestHandler):
    server: HubServer

    def do_HEAD(self) -> None:
        self.respond()

    def do_GET(self) -> None:
        content = self.respond()
        if content is None:
            return
        behaviour = self.server.behaviour
        if behaviour == "other":
            content = content[::-1]
        if behaviour == "half":
            content = content[: len(content) // 2]
        size = len(content) // 8 + 1
        for start in range(0, len(content), size):
            self.wfile.write(content[start : start + size])
            if behaviour == "slow":
                time.sleep(0.1)

    def respond(self) -> bytes | None:
        """Sends the head of the response; returns the content if there is one."""
        user, name, _, revision, file = self.path.strip("/").split("/", 4)
        repository = f"{user}/{name}"
        self.server.requests[self.command, file] += 1
        if self.server.behaviour == "silent":
            self.server.end.wait(20)
            return None
        if self.server.behaviour == "500":
            self.fail(500)
        elif repository in self.server.gated:
            self.fail(403, "GatedRepo")
        elif not any(path.startswith(f"{repository}/") for path in self.server.files) or (
            repository in self.server.private and self.headers["Authorization"] != "Bearer secret"
        ):
            self.fail(401, "RepoNotFound")
        elif revision not in ("main", self.server.commit):
            self.fail(404, "RevisionNotFound")
        elif (content := self.server.files.get(f"{repository}/{file}")) is None:
            self.fail(404, "EntryNotFound")
        else:
            self.send_response(200)
            self.send_header("X-Repo-Commit", self.server.commit)
            self.send_header("X-Linked-ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Linked-Size", str(len(content)))
            self.send_header("Content-Length", str(len(content)))
            if self.server.xet_hash:
                self.send_header("X-Xet-Hash", self.server.xet_hash)
                self.send_header("X-Xet-Refresh-Route", f"{self.server.address}/xet-token")
            self.end_headers()
            return content
        return None

    def fail(self, status: int, code: str = "") -> None:
        self.send_response(status)
        self.send_header("X-Repo-Commit", self.server.commit)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass
