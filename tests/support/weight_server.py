"""A server of weights on this machine that can fail in every way."""

import hashlib
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from classifier.models.weights import RemoteWeights

CONTENT = hashlib.sha256(b"weights").digest() * 100_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class WeightServer(ThreadingHTTPServer):
    """Serves CONTENT. The first part of the path is one of BEHAVIOURS.

    `requests` counts the requests for each path.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: Counter[str] = Counter()
        self.end = threading.Event()

    def weights(
        self, behaviour: str, file: str = "net-1234.pth", sha256: str = DIGEST[:8]
    ) -> RemoteWeights:
        """Returns weights that the server sends with one of BEHAVIOURS."""
        address = f"http://127.0.0.1:{self.server_port}/{behaviour}/{file}"
        return RemoteWeights(address, sha256, len(CONTENT) / (1 << 20))


@contextmanager
def serving() -> Iterator[WeightServer]:
    """Starts a server, and stops it afterwards."""
    with WeightServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.end.set()
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: WeightServer

    def do_GET(self) -> None:
        self.server.requests[self.path] += 1
        BEHAVIOURS[self.path.split("/")[1]](self)

    def log_message(self, format: str, *args: object) -> None:
        pass

    def begin(self, size: int | None = len(CONTENT)) -> None:
        self.send_response(200)
        if size is not None:
            self.send_header("Content-Length", str(size))
        self.end_headers()


def _whole(handler: _Handler) -> None:
    handler.begin()
    handler.wfile.write(CONTENT)


def _slow(handler: _Handler) -> None:
    handler.begin()
    for start in range(0, len(CONTENT), len(CONTENT) // 8):
        handler.wfile.write(CONTENT[start : start + len(CONTENT) // 8])
        handler.wfile.flush()
        time.sleep(0.12)


def _other(handler: _Handler) -> None:
    handler.begin()
    handler.wfile.write(CONTENT[::-1])


def _half(handler: _Handler) -> None:
    handler.begin()
    handler.wfile.write(CONTENT[: len(CONTENT) // 2])


def _half_without_length(handler: _Handler) -> None:
    handler.begin(None)
    handler.wfile.write(CONTENT[: len(CONTENT) // 2])


def _reset(handler: _Handler) -> None:
    _half(handler)
    # With a linger time of 0, closing the socket resets the connection. The socket stays open
    # until all its users have closed it.
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.rfile.close()
    handler.connection.close()


def _silent(handler: _Handler) -> None:
    handler.server.end.wait(20)


def _stalling(handler: _Handler) -> None:
    _half(handler)
    handler.wfile.flush()
    handler.server.end.wait(20)


def _redirected(handler: _Handler) -> None:
    handler.send_response(302)
    handler.send_header("Location", handler.path.replace("redirected", "whole"))
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _redirect_loop(handler: _Handler) -> None:
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


BEHAVIOURS: dict[str, Callable[[_Handler], None]] = {
    "whole": _whole,
    "slow": _slow,
    "other": _other,
    "half": _half,
    "half-without-length": _half_without_length,
    "reset": _reset,
    "silent": _silent,
    "stalling": _stalling,
    "redirected": _redirected,
    "redirect-loop": _redirect_loop,
    "404": lambda handler: handler.send_error(404),
    "500": lambda handler: handler.send_error(500),
}
