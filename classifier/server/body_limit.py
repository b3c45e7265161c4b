"""A limit on the size of request bodies."""

from collections.abc import Callable
from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOAD_PATHS = frozenset({"/gradio_api/upload", "/classifications"})
MAX_OTHER_MEGABYTES = 4  # other requests consist of names and numbers
DISK_FULL = "The server has no room for more pictures at the moment. Try again later."


class BodyLimit:
    """ASGI middleware that rejects bodies that are too large, before or while they arrive.

    An upload can have `upload_mb` (2²⁰ bytes) while `has_room` returns True, and other
    requests a few megabytes.
    """

    def __init__(self, app: ASGIApp, upload_mb: int, has_room: Callable[[], bool]) -> None:
        self._app = app
        self._upload_mb = upload_mb
        self._has_room = has_room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_upload = scope["method"] == "POST" and scope["path"] in UPLOAD_PATHS
        max_megabytes = self._upload_mb if is_upload else MAX_OTHER_MEGABYTES
        received = 0

        def check(size: str | int) -> None:
            if not str(size).isdigit() or int(size) > max_megabytes << 20:
                raise HTTPException(
                    413, f"The request is too large; the limit is {max_megabytes} MB."
                )
            if is_upload and not self._has_room():
                raise HTTPException(507, DISK_FULL)

        async def receive_checked() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            check(received)
            return message

        try:
            check(dict(scope["headers"]).get(b"content-length", b"0").decode("latin-1"))
        except HTTPException as error:
            # The rest of the body is not read, so the connection cannot be used again.
            close = {"Connection": "close"}
            response = JSONResponse({"detail": error.detail}, error.status_code, close)
            await response(scope, receive, send)
            return
        with suppress(ClientDisconnect):  # nobody is left to receive the error
            await self._app(scope, receive_checked, send)
