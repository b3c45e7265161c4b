"""Many pictures by one model: rows that come one after the other."""

import asyncio
import json
import time
from base64 import b64encode
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from gradio import FileData

from classifier import images
from classifier.catalog import Model
from classifier.endpoints.aside import Aside
from classifier.endpoints.core import Endpoints, Source, told_along
from classifier.errors import InputError, PictureError, show
from classifier.piles import MOST_PICTURES, Member, Pile, too_many

TELL_SECONDS = 0.5
THUMBNAIL_PIXELS = 40
THUMBNAILS_AT_ONCE = 2


class Row(TypedDict):
    """What became of a picture: its likeliest labels, or why there are none."""

    image: str
    predictions: NotRequired[list[dict[str, Any]]]
    error: NotRequired[str]


class ShownRow(Row):
    """A row with the picture itself, small, as an address that holds it."""

    thumbnail: NotRequired[str]


class BatchRecord(TypedDict):
    """What became of the first of so many `pictures`, and how often a label came first."""

    model: str
    pictures: int
    rows: list[Row]
    labels: dict[str, int]
    seconds: float


Ask = Callable[[Member], Awaitable[ShownRow]]


class Many:
    """What can be asked about a pile of pictures."""

    def __init__(self, endpoints: Endpoints, aside: Aside) -> None:
        self._endpoints = endpoints
        self._aside = aside
        # Few at once: decoded, a picture may have gigabytes.
        self._threads = ThreadPoolExecutor(THUMBNAILS_AT_ONCE, "thumbnails")

    @told_along
    async def classify_batch(
        self, files: list[FileData | str], model: str
    ) -> AsyncGenerator[BatchRecord]:
        """The five likeliest labels of each of many pictures, as they come.

        A file that is no picture has an error in place of predictions and harms no other.

        Parameters:
            files: Pictures, zips of pictures, names of pictures in the gallery; up to 1,000 in all
            model: Name of a model, one of those that /info lists; fetched when first used
        Returns:
            A row for each picture in their order, and how often each label came first
        """
        rows: list[ShownRow] = []
        async with aclosing(self._through(files, model, rows, shown=False)) as told:
            async for pictures, seconds in told:
                labels = Counter(
                    row["predictions"][0]["label"] for row in rows if "error" not in row
                )
                yield {
                    "model": model,
                    "pictures": pictures,
                    "rows": [*rows],
                    "labels": dict(labels.most_common()),
                    "seconds": round(seconds, 2),
                }

    @told_along
    async def lines(self, files: object, model: str) -> AsyncGenerator[str]:
        """The same for the page: JSON, an object a line, and ever more lines.

        Of a text that only grows Gradio sends what is new.
        """
        rows: list[ShownRow] = []
        text, told = "", 0
        async with aclosing(self._through(files, model, rows, shown=True)) as parts:
            async for pictures, seconds in parts:
                new, told = rows[told:], len(rows)
                text = text or _line({"model": model, "pictures": pictures})
                text += "".join(map(_line, new)) + _line({"seconds": round(seconds, 2)})
                yield text
        yield text + _line({"end": True})

    async def _through(
        self, files: object, name: str, rows: list[ShownRow], *, shown: bool
    ) -> AsyncGenerator[tuple[int, float]]:
        """Fills `rows`; says now and then how many they will be and how many seconds it took.

        It says so even if no row is new: that is how Gradio notices that nobody listens any
        more, and then the work ends.
        """
        model = self._endpoints.classifier.model(name)
        ask = partial(self._row, model=model, shown=shown)
        found = [(source.name, source.content) for source in self._sources(files)]
        with await asyncio.to_thread(Pile, found) as pile:
            await self._endpoints.begin(model)
            start = time.monotonic()
            work = asyncio.create_task(self._fill(rows, pile, ask))
            try:
                while not work.done():
                    yield len(pile), time.monotonic() - start
                    await asyncio.wait([work], timeout=TELL_SECONDS)
                await work
                yield len(pile), time.monotonic() - start
            finally:
                work.cancel()
                await asyncio.wait([work])

    def _sources(self, files: object) -> list[Source]:
        given = [files] if isinstance(files, Mapping | str) else files or []
        if not isinstance(given, list):
            raise InputError(f"The files are {show(files)}; expected a list of them.")
        if len(given) > MOST_PICTURES:
            raise too_many()
        return [self._endpoints.source(file) for file in given]

    async def _fill(self, rows: list[ShownRow], pile: Pile, ask: Ask) -> None:
        """A row for each picture, in their order; only the next few are begun."""
        begun: deque[asyncio.Future[ShownRow]] = deque()
        try:
            for member in pile:
                if len(begun) > self._aside.places:
                    rows.append(await begun.popleft())
                begun.append(asyncio.ensure_future(ask(member)))
            while begun:
                rows.append(await begun.popleft())
        finally:
            for row in begun:
                row.cancel()
            await asyncio.gather(*begun, return_exceptions=True)

    async def _row(self, member: Member, model: Model, *, shown: bool) -> ShownRow:
        try:
            content = await asyncio.to_thread(member.open)
            prediction = await self._aside.classify(content, member.name, model)
            predictions = prediction.record()["predictions"]
            row: ShownRow = {"image": member.name, "predictions": predictions}
            if shown:
                made = self._threads.submit(_thumbnail, content, member.name)
                row["thumbnail"] = await asyncio.wrap_future(made)
        except PictureError as error:
            return {"image": member.name, "error": str(error)}
        return row


def _thumbnail(content: Path | bytes, name: str) -> str:
    small = images.thumbnail(content, name, THUMBNAIL_PIXELS)
    return f"data:image/webp;base64,{b64encode(small).decode()}"


def _line(told: Mapping[str, Any]) -> str:
    return json.dumps(told) + "\n"
