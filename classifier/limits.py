"""How much one request may bring."""

from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOADS = ("/upload", "/classifications")  # where pictures come
QUESTION_MEGABYTES = 4  # a question is names and numbers; files come before it


class BodyLimit:
    """ASGI middleware that refuses what is too large, before or while it comes.

    An upload may have `upload_mb` (2²⁰ bytes), anything else a few.
    """

    def __init__(self, app: ASGIApp, upload_mb: int) -> None:
        self._app = app
        self._upload_mb = upload_mb

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._upload_mb if scope["path"].endswith(UPLOADS) else QUESTION_MEGABYTES
        text = f"This is too much at once: at most {most} MB are taken. Send less."
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if not length.isdigit() or int(length) > most << 20:
            # Nobody reads the rest, so that this connection is of no more use.
            refusal = JSONResponse({"detail": text}, 413, {"Connection": "close"})
            await refusal(scope, receive, send)
            return
        come = 0

        async def counted() -> Message:
            nonlocal come
            message = await receive()
            come += len(message.get("body", b""))
            if come > most << 20:
                raise HTTPException(413, text)
            return message

        with suppress(ClientDisconnect):  # nobody is left to be told
            await self._app(scope, counted, send)
