"""Starts contenders as servers, and pauses those that are not measured."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.material import MODELS

START_SECONDS = 120
SETTLE_SECONDS = 4  # Gradio checks that it can be reached, and gives up if it is paused then
QUEUE_SIZE = 1000  # large enough that no request is refused


@dataclass
class Server:
    """A contender that serves requests, in its own process group."""

    process: "subprocess.Popen[bytes]"
    kind: str
    address: str
    asked: int = 0  # pictures used so far, so that the next requests use others

    def hold(self) -> None:
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    def ask(
        self,
        model: str,
        names: Sequence[str],
        clients: int,
        *,
        seconds: float = 3600,
        jobs: int = 1_000_000,
    ) -> float:
        """Returns responses per second for the given number of clients.

        The measurement ends after `seconds`, or after `jobs` jobs. The clients continue with the
        pictures after those of the previous call.
        """
        first = self.asked % len(names)
        names = [*names[first:], *names[:first]]
        command = ["benchmarks.load", self.kind, self.address, model, *names]
        options = ["--clients", clients, "--seconds", seconds, "--jobs", jobs]
        done = subprocess.run(
            [sys.executable, "-m", *command, *map(str, options)], capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{self.kind} failed:\n{done.stderr}")
        result = json.loads(done.stdout)
        self.asked += result["done"]
        rate: float = result["done"] / result["seconds"]
        return rate

    def megabytes(self) -> float:
        """Returns the resident memory of the process in 10⁶ bytes, as Linux counts it."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@contextmanager
def serving(
    kind: str, module: str, arguments: Sequence[str], folder: Path, **settings: str
) -> Iterator[Server]:
    """Starts `benchmarks.servers.MODULE`. `{port}` in its arguments stands for a free port."""
    port = free_port()
    environment = os.environ | {
        "CLASSIFIER_IMAGES": str(folder / "images"),
        "CLASSIFIER_CACHE": str(folder / "cache"),
        "CLASSIFIER_MODELS": ",".join(MODELS),
        "CLASSIFIER_DEVICE": "cpu",
        "CLASSIFIER_QUEUE_SIZE": str(QUEUE_SIZE),
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        **settings,
    }
    command = [argument.format(port=port) for argument in arguments]
    with (folder / f"{module}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.servers.{module}", *command],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(process, kind, f"http://127.0.0.1:{port}")
    try:
        _wait_for(port, process, folder / f"{module}.log")
        yield server
    finally:
        os.killpg(process.pid, signal.SIGCONT)
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """Starts a Redis server that saves nothing to disk, and returns its port."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    """Returns a port on which no program listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(SETTLE_SECONDS)
                return
        time.sleep(0.2)
    raise RuntimeError(f"A contender did not start:\n{log.read_text()}")
