"""Editing pictures in a small thread pool, next to the models and not in their way."""

import asyncio
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from classifier.errors import BusyError
from classifier.pictures.decoding import decode
from classifier.pictures.edits import MAX_SIDE, Edits
from classifier.pictures.source import PictureSource

THREADS = 2
MAX_TASKS = 50  # running and waiting together
RETRY_SECONDS = 5

Result = TypeVar("Result")


class PictureEditor:
    """Runs work on pictures in threads of its own, a few at a time."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "edits")
        self._tasks = 0

    async def edit(self, source: PictureSource, edits: Edits) -> PictureSource:
        """Returns the edited picture as a PNG: the file to classify is the file to download."""

        def work() -> PictureSource:
            picture = edits.apply(decode(source.content, source.name, MAX_SIDE))
            content = io.BytesIO()
            picture.save(content, "PNG", compress_level=1)
            return PictureSource(content.getvalue(), source.name, edits)

        return await self.run(work)

    async def run(self, work: Callable[[], Result]) -> Result:
        """Returns the result of `work`. Raises BusyError if too much work waits already."""
        if self._tasks >= MAX_TASKS:
            raise BusyError("The server is editing too many pictures.", RETRY_SECONDS)
        self._tasks += 1
        try:
            return await asyncio.wrap_future(self._threads.submit(work))
        finally:
            self._tasks -= 1
