"""The real server, in a separate process."""

import asyncio
import hashlib
import os
import re
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from gradio_client import Client
from playwright.sync_api import Browser, expect, sync_playwright

from classifier.settings import MODELS
from tests.support import chromium
from tests.support.app_process import AppProcess, has_launched
from tests.support.exports import copy_exports
from tests.support.file_server import FileServer
from tests.support.file_server import serving as file_serving

DEFAULT = MODELS[0]  # the default model
PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 120
# Connections are not limited. None is used twice: the server could close it at that moment.
HTTP_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=0)
Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs a coroutine in another thread, because Playwright has an event loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@dataclass(frozen=True)
class Server:
    """A running server."""

    address: str
    log: Path
    images: Path
    cache: Path
    process: AppProcess
    http: httpx.Client  # with the address as its base URL

    def client(self) -> Client:
        """Returns a client. It is the same for all tests, because creating one takes a while."""
        return _client(self.address)

    def submit(self, image: str, model: str = DEFAULT, **headers: str) -> httpx.Response:
        """Submits a job with a form, as the page of the course does."""
        form = {"model_id": model, "image_id": image}
        return self.http.post("/classifications", data=form, headers=headers)

    def state(self, id: str, wait: float = 0) -> dict[str, Any]:
        """Returns the state of a job, after waiting for a change of its status if requested."""
        found = self.http.get(f"/classifications/{id}", params={"wait": wait})
        state: dict[str, Any] = found.json()
        return state

    def ended(self, id: str) -> dict[str, Any]:
        """Waits until a job has ended, and returns its state."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if (state := self.state(id, 10))["finished"]:
                return state
        raise TimeoutError(f"the job {id} has not ended")

    def call(self, endpoint: str, data: object) -> httpx.Response:
        """Calls an endpoint as curl does; returns the response of the POST."""
        return self.http.post(f"/gradio_api/call/{endpoint}", json={"data": data})

    def result(self, endpoint: str, event: str) -> tuple[str, str]:
        """Returns the name of the last event of a call, and its data as text."""
        answer = self.http.get(f"/gradio_api/call/{endpoint}/{event}")
        found = re.findall(r"^event: (\w+)\ndata: (.*)$", answer.text, re.MULTILINE)
        kind, data = found[-1]
        return kind, data


@cache
def _client(address: str) -> Client:
    return Client(address, verbose=False)


def environment(**settings: object) -> dict[str, str]:
    """Returns the environment of this process, with these settings for the app and no others."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CLASSIFIER_", "GRADIO_"))
    }
    return kept | {name: str(value) for name, value in settings.items()}


def free_port() -> int:
    """Returns a port of this machine that nothing uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def serve(
    folder: Path,
    *,
    images: Path | None = None,
    command: Sequence[str] = ("app.py",),
    **settings: object,
) -> Iterator[Server]:
    """Starts the app, waits until it responds, and stops it afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    images = images or PROJECT / "images"
    cache = folder / "cache"
    copy_exports(cache)
    port = free_port()
    log = folder / f"log-{port}.txt"
    process = AppProcess(
        command,
        PROJECT,
        environment(
            CLASSIFIER_IMAGES=images,
            CLASSIFIER_CACHE=cache,
            GRADIO_SERVER_PORT=port,
            GRADIO_TEMP_DIR=folder / "temporary",
            **settings,
        ),
        log,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, timeout=60, limits=HTTP_LIMITS) as http:
            server = Server(address, log, images, cache, process, http)
            _wait_until_it_responds(server)
            if settings.get("CLASSIFIER_CLUSTER"):
                wait_for(lambda: http.get("/ready").status_code == 200, START_SECONDS)
            yield server
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_it_responds(server: Server) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if server.process.poll() is not None:
            break
        try:
            server.http.get("/config").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            break
    while time.monotonic() < end and server.process.poll() is None:
        if has_launched(server.process.pid):
            return
        time.sleep(0.02)
    raise RuntimeError(f"The server did not start:\n{server.log.read_text()}")


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Waits until the condition is true, and fails after a while."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"the condition was not true within {seconds} s"
        time.sleep(0.02)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that runs tests of the server with its models on a cluster."""
    parser.addoption(
        "--cluster", default="", help="the setting CLASSIFIER_CLUSTER of `server` and `slow_server`"
    )


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> str:
    """The setting CLASSIFIER_CLUSTER of `server` and `slow_server`; usually none."""
    name: str = pytestconfig.getoption("cluster")
    return name


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, cluster: str) -> Iterator[Server]:
    """The app with its default settings."""
    with serve(tmp_path_factory.mktemp("server"), CLASSIFIER_CLUSTER=cluster) as running:
        yield running


@pytest.fixture(scope="session")
def slow_server(tmp_path_factory: pytest.TempPathFactory, cluster: str) -> Iterator[Server]:
    """The app with one job at a time, each held for a second, and room for six in its queue."""
    with serve(
        tmp_path_factory.mktemp("slow-server"),
        CLASSIFIER_CONCURRENCY=1,
        CLASSIFIER_DELAY_SECONDS=1,
        CLASSIFIER_QUEUE_SIZE=6,
        CLASSIFIER_FAIR_SHARES=0,
        CLASSIFIER_CLUSTER=cluster,
    ) as running:
        yield running


@pytest.fixture(scope="session")
def file_server() -> Iterator[FileServer]:
    """The server from which the app of `downloading_server` downloads weights, slowly."""
    with file_serving() as running:
        yield running


@pytest.fixture(scope="session")
def downloading_server(
    file_server: FileServer, weights: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The app with weights of resnet18 for each model of torchvision, and so only for that one."""
    file_server.files, file_server.pause = {"/resnet18.pth": weights}, 0.2
    digest = hashlib.sha256(weights).hexdigest()[:8]
    address = file_server.address("/resnet18.pth")
    with serve(
        tmp_path_factory.mktemp("downloading-server"),
        command=("-m", "tests.support.app_with_local_weights", address, digest),
        CLASSIFIER_MODELS="tiny,resnet18,alexnet",
    ) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium without background requests."""
    path = chromium.find()
    assert path, "No browser was found; run python -m tests.support.chromium."
    expect.set_options(timeout=20_000)  # a busy machine is slow
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
