"""How much one request may bring."""

from collections.abc import Callable
from contextlib import suppress

import gradio.routes
from gradio.route_utils import FileUploadProgress, GradioMultiPartParser
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOADS = frozenset({"/gradio_api/upload", "/classifications"})  # where pictures come
QUESTION_MEGABYTES = 4  # a question is names and numbers; files come before it
FULL = "There is no room for more pictures at the moment. Try again later."


class BodyLimit:
    """ASGI middleware that refuses what is too large, before or while it comes.

    An upload may have `upload_mb` (2²⁰ bytes) while there is room, anything else a few.
    """

    def __init__(self, app: ASGIApp, upload_mb: int, has_room: Callable[[], bool]) -> None:
        self._app = app
        self._upload_mb = upload_mb
        self._has_room = has_room

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = scope["method"] == "POST" and scope["path"] in UPLOADS
        most = self._upload_mb if upload else QUESTION_MEGABYTES
        come = 0

        def check(size: str | int) -> None:
            if not str(size).isdigit() or int(size) > most << 20:
                text = f"This is too much at once: at most {most} MB are taken. Send less."
                raise HTTPException(413, text)
            if upload and not self._has_room():
                raise HTTPException(507, FULL)

        async def counted() -> Message:
            nonlocal come
            message = await receive()
            come += len(message.get("body", b""))
            check(come)
            return message

        try:
            check(dict(scope["headers"]).get(b"content-length", b"0").decode("latin-1"))
        except HTTPException as error:
            # Nobody reads the rest, so that this connection is of no more use.
            close = {"Connection": "close"}
            refusal = JSONResponse({"detail": error.detail}, error.status_code, close)
            await refusal(scope, receive, send)
            return
        with suppress(ClientDisconnect):  # nobody is left to be told
            await self._app(scope, counted, send)


class FilesOnly(GradioMultiPartParser):  # type: ignore[misc]
    """Gradio's reader of uploads, which would keep in memory whatever is no file."""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current_part.file is None:
            raise MultiPartException("Expected files and nothing else.")
        super().on_part_data(data, start, end)


def mend_uploads() -> None:
    """Has Gradio read uploads so, and forget whose progress it was to tell.

    To be called now and then: it remembers them for ever.
    """
    gradio.route_utils.GradioMultiPartParser = FilesOnly
    gradio.routes.file_upload_statuses = FileUploadProgress()
