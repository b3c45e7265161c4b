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
    encode,
    read,
)

log = logging.getLogger(__name__)
STATUS_SECONDS = 1.0
TOKEN = Path("~/.ray/auth_token")


def prepare_environment() -> None:
    """Sets what Ray reads from the environment when it is imported."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no statistics leave this machine
    has_token = TOKEN.expanduser().exists() or "RAY_AUTH_TOKEN" in os.environ
    if has_token or "RAY_AUTH_TOKEN_PATH" in os.environ:
        os.environ.setdefault("RAY_AUTH_MODE", "token")


async def main() -> None:
    """Connects to the cluster, and answers the requests of the server until that ends."""
    connection = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    reader, writer = await asyncio.open_connection(sock=connection)

    def send(message: FromLink) -> None:
        writer.write(encode(message))

    start = await read(reader)
    assert isinstance(start, Start)
    from classifier.inference.cluster import serve_app
    from classifier.inference.cluster.dispatcher import Dispatcher

    # A thread of its own, which stays the same: Ray's calls can block for long.
    thread = ThreadPoolExecutor(1, "ray")
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(thread, serve_app.connect, start.settings.cluster)
    replicas = await loop.run_in_executor(thread, serve_app.deploy, start)
    dispatcher = Dispatcher(replicas, send)
    downloaded = frozenset(await replicas.downloaded(start.model_names))

    async def keep_telling() -> None:
        while True:
            try:
                count = await loop.run_in_executor(thread, serve_app.running_replicas)
            except Exception as error:
                log.warning("the state of the cluster is not known: %s", error)
            else:
                dispatcher.set_replicas(count)
                send(Status(None, dispatcher.capacity, downloaded))
            await asyncio.sleep(STATUS_SECONDS)

    telling = asyncio.ensure_future(keep_telling())
    try:
        while True:
            message = await read(reader)
            if isinstance(message, Request):
                dispatcher.add(message)
            elif isinstance(message, Cancel):
                dispatcher.cancel(message.id)
    except asyncio.IncompleteReadError:  # the server has ended
        telling.cancel()


def run() -> None:
    """Runs the link and ends this process, also if Ray's own threads are still busy."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server, which then ends this
    prepare_environment()
    code = 0
    try:
        asyncio.run(main())
    except Exception as error:
        log.error("The link to the cluster failed: %s", error)
        code = 1
    if "ray" in sys.modules:
        import ray

        ray.shutdown()
    os._exit(code)


if __name__ == "__main__":
    run()
