"""A server of files on this machine that can be told to fail in every way."""

import hashlib
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from classifier.weights import Source

CONTENT = hashlib.sha256(b"weights").digest() * 100_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class WeightServer(ThreadingHTTPServer):
    """Serves CONTENT; the beginning of the path says how, and `requests` counts the paths."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: Counter[str] = Counter()
        self.end = threading.Event()

    def source(self, way: str, file: str = "net-1234.pth", sha256: str = DIGEST[:8]) -> Source:
        """A source that is served in one of the ways of `WAYS`."""
        address = f"http://127.0.0.1:{self.server_port}/{way}/{file}"
        return Source(address, sha256, len(CONTENT) / (1 << 20))


@contextmanager
def serving() -> Iterator[WeightServer]:
    """A running server."""
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
        WAYS[self.path.split("/")[1]](self)

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


def _half_unannounced(handler: _Handler) -> None:
    handler.begin(None)
    handler.wfile.write(CONTENT[: len(CONTENT) // 2])


def _reset(handler: _Handler) -> None:
    _half(handler)
    # Closing a socket that lingers for no time resets the connection. It has several owners.
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


def _circle(handler: _Handler) -> None:
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


WAYS: dict[str, Callable[[_Handler], None]] = {
    "whole": _whole,
    "slow": _slow,
    "other": _other,
    "half": _half,
    "half-unannounced": _half_unannounced,
    "reset": _reset,
    "silent": _silent,
    "stalling": _stalling,
    "redirected": _redirected,
    "circle": _circle,
    "404": lambda handler: handler.send_error(404),
    "500": lambda handler: handler.send_error(500),
}
