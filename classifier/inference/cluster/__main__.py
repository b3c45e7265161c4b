"""The link: a process that holds the connection of a server to its cluster.

The server starts it with one end of a socket as its standard input.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from classifier.inference.cluster.messages import (
    Cancel,
    FromLink,
    Request,
    Start,
    Status,
    ToLink,
    encode,
    read,
)

log = logging.getLogger("classifier.inference.cluster")
STATUS_SECONDS = 1.0
LOG = "cluster.log"  # in the cache
TOKEN = Path("~/.ray/auth_token")


class Link:
    """Connects to the cluster, and answers the requests of a server until that ends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._messages: asyncio.Queue[ToLink | FromLink] = asyncio.Queue()

    async def run(self) -> None:
        """Returns when the server has ended. Raises the errors of Ray."""
        tasks = [asyncio.ensure_future(self._receive()), asyncio.ensure_future(self._work())]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _receive(self) -> None:
        """Receives messages, also while Ray starts, so that the end of the server is noticed."""
        try:
            while True:
                self._messages.put_nowait(await read(self._reader))
        except asyncio.IncompleteReadError:
            return

    async def _work(self) -> None:
        start = await self._messages.get()
        assert isinstance(start, Start)
        redirect_output(start.settings.cache / LOG)
        # Imported here, because Ray reads the environment that `run` prepares.
        from classifier.inference.cluster import serve_app
        from classifier.inference.cluster.dispatcher import Dispatcher

        loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(1, "ray")  # Ray's calls can block for long
        await loop.run_in_executor(thread, serve_app.connect, start.settings.cluster)
        # The link ends with its server, whatever signals both of them get.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        replicas = await loop.run_in_executor(thread, serve_app.deploy, start)
        dispatcher = Dispatcher(replicas, self._send)
        downloaded = frozenset(await replicas.downloaded(start.model_names))

        async def keep_telling() -> None:
            while True:
                try:
                    count = await loop.run_in_executor(thread, serve_app.running_replicas)
                except Exception as error:
                    log.warning("The state of the cluster is not known: %s", error)
                else:
                    dispatcher.set_replicas(count)
                    self._send(Status(None, dispatcher.capacity, downloaded))
                await asyncio.sleep(STATUS_SECONDS)

        telling = asyncio.ensure_future(keep_telling())
        try:
            while True:
                message = await self._messages.get()
                if isinstance(message, Request):
                    dispatcher.add(message)
                elif isinstance(message, Cancel):
                    dispatcher.cancel(message.id)
        finally:
            telling.cancel()

    def _send(self, message: FromLink) -> None:
        self._writer.write(encode(message))


def prepare_environment() -> None:
    """Sets what Ray reads from the environment when it is imported."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no statistics leave this machine
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    has_token = TOKEN.expanduser().exists() or "RAY_AUTH_TOKEN" in os.environ
    if has_token or "RAY_AUTH_TOKEN_PATH" in os.environ:
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def redirect_output(file: Path) -> None:
    """Sends what Ray prints to a file: it prints a lot when a machine is lost."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as opened:
        os.dup2(opened.fileno(), sys.stdout.fileno())
        os.dup2(opened.fileno(), sys.stderr.fileno())


async def main() -> None:
    """Runs the link over the socket that is the standard input of this process."""
    connection = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    await Link(*await asyncio.open_connection(sock=connection)).run()


def run() -> int:
    """Runs the link, and returns the exit code of this process."""
    messages = logging.StreamHandler(os.fdopen(os.dup(sys.stderr.fileno()), "w"))
    logging.getLogger("classifier").addHandler(messages)
    logging.getLogger("classifier").propagate = False
    prepare_environment()
    try:
        asyncio.run(main())
    except Exception as error:
        log.error("The link to the cluster has ended: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    code = run()
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()
    os._exit(code)  # threads of Ray may still be waiting for a cluster that is gone
