"""The body of POST /classifications: a form or JSON, with or without a picture."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, BinaryIO

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from classifier.errors import BusyError, InputError, TooLargeError
from classifier.jobs.files import MAX_BYTES, too_large

MAX_FORM_BYTES = 64 << 10  # without the picture
MAX_TOTAL_BYTES = 256 << 20  # of all bodies that arrive at the same time
SILENCE_SECONDS = 30.0
MAX_SECONDS = 300.0  # for the whole body
MAX_NAME = 100
RETRY_SECONDS = 5
JSON, FORM, MULTIPART = MEDIA_TYPES = (
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
)


@dataclass(frozen=True)
class Submission:
    """The fields of a request. `image` is a name: of a gallery picture, or of `picture`."""

    model: object
    image: object
    picture: BinaryIO | None


class SubmissionReader:
    """Reads submissions, and limits the size of all that arrive at the same time."""

    def __init__(self) -> None:
        self._arriving = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[Submission]:
        """Reads a submission; its picture is available while the context is open.

        Raises InputError if the body is not valid, TooLargeError if it is too large, and
        BusyError if too many others arrive at the same time.
        """
        media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if media_type not in MEDIA_TYPES:
            raise InputError(f"Expected model_id and image_id as {', '.join(MEDIA_TYPES)}.")
        max_bytes = MAX_FORM_BYTES + (MAX_BYTES if media_type == MULTIPART else 0)
        length = request.headers.get("Content-Length", "")
        _check_size(int(length) if length.isdigit() else 0, max_bytes)
        size = 0
        end = asyncio.get_running_loop().time() + MAX_SECONDS

        async def receive() -> Message:
            nonlocal size
            try:
                left = end - asyncio.get_running_loop().time()
                message = await asyncio.wait_for(request.receive(), min(SILENCE_SECONDS, left))
            except TimeoutError:
                raise InputError("The rest of the request did not arrive in time.") from None
            size += len(message.get("body", b""))
            self._arriving += len(message.get("body", b""))
            _check_size(size, max_bytes)
            if self._arriving > MAX_TOTAL_BYTES:
                raise BusyError("Too many pictures arrive at the same time.", RETRY_SECONDS)
            return message

        try:
            limited = Request(request.scope, receive)
            if media_type == JSON:
                yield _submission(_parse_json(await limited.body()))
                return
            async with limited.form(
                max_files=1, max_fields=9, max_part_size=MAX_FORM_BYTES
            ) as form:
                yield _submission(form)
        except HTTPException as error:
            if error.status_code != HTTPStatus.BAD_REQUEST:
                raise
            raise InputError(f"The form cannot be parsed: {error.detail}") from error
        finally:
            self._arriving -= size


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise too_large() if max_bytes > MAX_BYTES else TooLargeError("The form is too large.")


def _parse_json(body: bytes) -> Mapping[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise InputError('Expected JSON like {"model_id": "…", "image_id": "…"}.')
    return fields


def _submission(fields: Mapping[str, Any]) -> Submission:
    model, image, picture = fields.get("model_id"), fields.get("image_id"), fields.get("image")
    if not isinstance(picture, UploadFile):
        if picture is not None:
            raise InputError("The field image must be a file; use image_id for gallery pictures.")
        for field, value in ("model_id", model), ("image_id", image):
            if value is None:
                raise InputError(f"The field {field} is missing; GET /info lists valid values.")
        return Submission(model, image, None)
    if image is not None:
        raise InputError("Send either image_id or a file in image, not both.")
    if not picture.size:
        raise InputError("The file in image is empty; expected a picture.")
    return Submission(model, _display_name(picture.filename or ""), picture.file)


def _display_name(path: str) -> str:
    name = re.split(r"[/\\]", path)[-1]
    return "".join(letter for letter in name if letter.isprintable())[:MAX_NAME] or "picture"
