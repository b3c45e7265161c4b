"""What the tab Many asks the server."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

from classifier.endpoints.classify_batch import Row, classify_pictures
from classifier.endpoints.error_messages import with_error_messages_in_stream
from classifier.endpoints.services import Services
from classifier.pictures.thumbnails import thumbnail

THUMBNAIL_PIXELS = 40
THUMBNAIL_THREADS = 2  # few, because a decoded picture can have gigabytes


class ManyHandlers:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._threads = ThreadPoolExecutor(THUMBNAIL_THREADS, "thumbnails")

    @with_error_messages_in_stream
    async def lines(self, files: object, model: str) -> AsyncGenerator[str]:
        """Yields a text that grows: a JSON object on each line, which table.js reads.

        Gradio sends only the part of a text that is new.
        """
        rows: list[Row] = []
        text, sent = "", 0
        async with aclosing(
            classify_pictures(self._services, files, model, rows, self._thumbnail)
        ) as updates:
            async for pictures, seconds in updates:
                new, sent = rows[sent:], len(rows)
                text = text or _line({"model": model, "pictures": pictures})
                text += "".join(map(_line, new)) + _line({"seconds": round(seconds, 2)})
                yield text
        yield text + _line({"end": True})

    async def _thumbnail(self, content: Path | bytes, name: str) -> str:
        made = self._threads.submit(thumbnail, content, name, THUMBNAIL_PIXELS)
        small = await asyncio.wrap_future(made)
        return f"data:image/webp;base64,{b64encode(small).decode()}"


def _line(update: Mapping[str, Any]) -> str:
    return json.dumps(update) + "\n"
