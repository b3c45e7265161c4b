"""What comes with a POST: a form or JSON, and perhaps a picture, all of it within limits."""

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

from classifier.deposit import MOST_BYTES, too_large
from classifier.errors import BusyError, InputError, TooLargeError

FORM_BYTES = 64 << 10  # what there may be beside the picture
MOST_BYTES_AT_ONCE = 256 << 20
SILENCE_SECONDS = 30.0
LONGEST_SECONDS = 300.0  # for all of it
LONGEST_NAME = 100
SOME_SECONDS = 5
MULTIPART = "multipart/form-data"
KINDS = "application/json", "application/x-www-form-urlencoded", MULTIPART


@dataclass(frozen=True)
class Asked:
    """A question as it came: `image` is a name, of the gallery's or of the `picture`'s."""

    model: object
    image: object
    picture: BinaryIO | None


class Forms:
    """Reads questions. All that arrive at once stay within a limit together."""

    def __init__(self) -> None:
        self._arriving = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[Asked]:
        """The question of a request; its picture can be read until the context ends.

        Raises InputError if it is none, TooLargeError if it has too many bytes and BusyError
        if there are too many others.
        """
        kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind not in KINDS:
            raise InputError(f"Expected model_id and image_id as {', '.join(KINDS)}.")
        most = FORM_BYTES + (MOST_BYTES if kind == MULTIPART else 0)
        length = request.headers.get("Content-Length", "")
        _check(int(length) if length.isdigit() else 0, most)
        size = 0
        end = asyncio.get_running_loop().time() + LONGEST_SECONDS

        async def receive() -> Message:
            nonlocal size
            try:
                left = end - asyncio.get_running_loop().time()
                message = await asyncio.wait_for(request.receive(), min(SILENCE_SECONDS, left))
            except TimeoutError:
                raise InputError("The rest of the picture did not come.") from None
            size += len(message.get("body", b""))
            self._arriving += len(message.get("body", b""))
            _check(size, most)
            if self._arriving > MOST_BYTES_AT_ONCE:
                raise BusyError("Too many pictures come at once.", SOME_SECONDS)
            return message

        try:
            limited = Request(request.scope, receive)
            if kind == KINDS[0]:
                yield _asked(_json(await limited.body()))
                return
            async with limited.form(max_files=1, max_fields=9, max_part_size=FORM_BYTES) as form:
                yield _asked(form)
        except HTTPException as error:
            if error.status_code != HTTPStatus.BAD_REQUEST:
                raise
            raise InputError(f"The form cannot be read: {error.detail}") from error
        finally:
            self._arriving -= size


def _check(size: int, most: int) -> None:
    if size > most:
        raise too_large() if most > MOST_BYTES else TooLargeError("The form is too large.")


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise InputError('Expected JSON like {"model_id": "…", "image_id": "…"}.')
    return fields


def _asked(fields: Mapping[str, Any]) -> Asked:
    model, image, picture = fields.get("model_id"), fields.get("image_id"), fields.get("image")
    if not isinstance(picture, UploadFile):
        if picture is not None:
            raise InputError("Expected a file in image; a picture of the gallery is an image_id.")
        for field, value in ("model_id", model), ("image_id", image):
            if value is None:
                raise InputError(f"Expected {field}; GET /info lists what is on offer.")
        return Asked(model, image, None)
    if image is not None:
        raise InputError("Expected one picture: an image_id or a file in image, not both.")
    if not picture.size:
        raise InputError("The file in image is empty; expected a picture.")
    return Asked(model, _name(picture.filename or ""), picture.file)


def _name(path: str) -> str:
    """A file's own name, as it may be shown."""
    name = re.split(r"[/\\]", path)[-1]
    return "".join(letter for letter in name if letter.isprintable())[:LONGEST_NAME] or "picture"
