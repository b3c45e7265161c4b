"""The real server, in a process of its own, for tests that ask it things."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, expect, sync_playwright

from tests import chromium

PROJECT = Path(__file__).resolve().parent.parent
START_SECONDS = 120
# As many at once as a test likes, and none kept so long that the server has closed it.
HTTP_LIMITS = httpx.Limits(max_connections=None, keepalive_expiry=2)
Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """What a coroutine returns, in an event loop and a thread of its own: browsers have another."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass(frozen=True)
class Server:
    """A server that runs: its address, the file of its log, the folder of its pictures."""

    address: str
    log: Path
    images: Path
    cache: Path
    process: "subprocess.Popen[bytes]"
    http: httpx.Client  # which knows the address

    def client(self) -> Client:
        return Client(self.address, verbose=False)

    def put(self, image: str, model: str = "tiny", **headers: str) -> httpx.Response:
        """Puts a job as the course's page does, by a form."""
        form = {"model_id": model, "image_id": image}
        return self.http.post("/classifications", data=form, headers=headers)

    def state(self, ticket: str, wait: float = 0) -> dict[str, Any]:
        """What has become of a job, after so many seconds or when its status changes."""
        found = self.http.get(f"/classifications/{ticket}", params={"wait": wait})
        state: dict[str, Any] = found.json()
        return state

    def ended(self, ticket: str) -> dict[str, Any]:
        """The job when it has ended."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if (state := self.state(ticket, 10))["finished"]:
                return state
        raise TimeoutError(f"the job {ticket} has not ended")

    def call(self, endpoint: str, data: object) -> httpx.Response:
        """What curl does: the answer to the POST that puts a question."""
        return self.http.post(f"/gradio_api/call/{endpoint}", json={"data": data})

    def result(self, endpoint: str, event: str) -> tuple[str, str]:
        """The event that ends a call, and its data as it came."""
        answer = self.http.get(f"/gradio_api/call/{endpoint}/{event}")
        found = re.findall(r"^event: (\w+)\ndata: (.*)$", answer.text, re.MULTILINE)
        kind, data = found[-1]
        return kind, data


def environment(**settings: object) -> dict[str, str]:
    """This process's own, less its settings for the app, plus those given."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CLASSIFIER_", "GRADIO_"))
    }
    return kept | {name: str(value) for name, value in settings.items()}


@contextmanager
def serve(
    folder: Path,
    *,
    images: Path | None = None,
    command: Sequence[str] = ("app.py",),
    **settings: object,
) -> Iterator[Server]:
    """Starts the app, waits until it answers, and ends it afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    images = images or PROJECT / "images"
    cache = folder / "cache"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / f"log-{port}.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=PROJECT,
            env=environment(
                CLASSIFIER_IMAGES=images,
                CLASSIFIER_CACHE=cache,
                GRADIO_SERVER_PORT=port,
                GRADIO_TEMP_DIR=folder / "temporary",
                **settings,
            ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, timeout=60, limits=HTTP_LIMITS) as http:
            server = Server(address, log, images, cache, process, http)
            _wait_until_it_answers(server)
            yield server
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_it_answers(server: Server) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.process.poll() is not None:
            break
        try:
            server.http.get("/config").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"The server did not start:\n{server.log.read_text()}")


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Fails unless the condition comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not come about within {seconds} s"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app as it comes, with the pictures of the repository."""
    with serve(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def slow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One job at a time, each held for a second, six waiting."""
    with serve(
        tmp_path_factory.mktemp("slow-server"),
        CLASSIFIER_CONCURRENCY=1,
        CLASSIFIER_DELAY_SECONDS=1,
        CLASSIFIER_QUEUE_SIZE=6,
    ) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium that calls nobody of its own accord."""
    path = chromium.find()
    assert path, "no browser is here: run python -m tests.chromium"
    expect.set_options(timeout=20_000)  # a busy machine is no failure
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
            ],
        )
        yield opened
        opened.close()
