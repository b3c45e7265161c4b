"""The limit on the size of request bodies."""

from typing import Any

import pytest

from classifier.server.body_limit import DISK_FULL, BodyLimit
from tests.support.server import Server, run


@pytest.mark.parametrize("path", ["/gradio_api/call/upload", "/gradio_api/run/classifications"])
def test_only_uploads_may_be_large(server: Server, path: str) -> None:
    response = server.http.post(path, content=b'{"data": [' + b" " * (5 << 20) + b"]}")

    assert response.status_code == 413


@pytest.mark.parametrize(
    ("path", "has_room", "status"),
    [
        ("/gradio_api/upload", False, 507),
        ("/classifications", False, 507),
        ("/gradio_api/call/classify", False, 200),
        ("/gradio_api/upload", True, 200),
    ],
)
def test_uploads_are_rejected_while_the_disk_is_full(
    path: str, has_room: bool, status: int
) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200})

    limited = BodyLimit(app, 10, lambda: has_room)
    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    run(limited(scope, receive, send))

    assert sent[0]["status"] == status
    assert (DISK_FULL in str(sent)) == (status == 507)
