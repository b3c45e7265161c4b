"""Classifying many pictures: /classify_batch."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from gradio import FileData

from classifier.endpoints.endpoint import BATCH, MAX_BATCHES, Endpoint, limit
from classifier.endpoints.error_messages import with_error_messages_in_stream
from classifier.endpoints.services import Services
from classifier.errors import InputError, PictureError, show
from classifier.models.model import Model
from classifier.pictures.batch import MAX_PICTURES, BatchItem, PictureBatch, too_many_pictures
from classifier.pictures.source import PictureSource

UPDATE_SECONDS = 0.5

MakeThumbnail = Callable[[Path | bytes, str], Awaitable[str]]


class Row(TypedDict):
    """The likeliest labels of a picture, or its error.

    `thumbnail` is a small version of the picture as a data: URL, for the page only.
    """

    image: str
    predictions: NotRequired[list[dict[str, Any]]]
    error: NotRequired[str]
    thumbnail: NotRequired[str]


class BatchRecord(TypedDict):
    """The first rows of a batch of `pictures`, and how often each label came first."""

    model: str
    pictures: int
    rows: list[Row]
    labels: dict[str, int]
    seconds: float


def endpoints(services: Services) -> list[Endpoint]:
    """Returns the endpoints of this module."""
    batch = ClassifyBatch(services)
    return [Endpoint("classify_batch", batch.classify_batch, limit(BATCH, MAX_BATCHES))]


class ClassifyBatch:
    def __init__(self, services: Services) -> None:
        self._services = services

    @with_error_messages_in_stream
    async def classify_batch(
        self, files: list[FileData | str], model: str
    ) -> AsyncGenerator[BatchRecord]:
        """The five likeliest labels of each of many pictures, as they become available.

        A file that is not a picture has an error instead of predictions; the others are not
        affected.

        Parameters:
            files: Pictures, zips of pictures, or names of pictures in the gallery; at most 1,000
            model: Name of a model; /info lists them. It is downloaded when it is first used
        Returns:
            A row for each picture in their order, and how often each label came first
        """
        rows: list[Row] = []
        async with aclosing(classify_pictures(self._services, files, model, rows)) as updates:
            async for pictures, seconds in updates:
                labels = Counter(
                    row["predictions"][0]["label"] for row in rows if "predictions" in row
                )
                yield {
                    "model": model,
                    "pictures": pictures,
                    "rows": [*rows],
                    "labels": dict(labels.most_common()),
                    "seconds": round(seconds, 2),
                }


async def classify_pictures(
    services: Services,
    files: object,
    name: str,
    rows: list[Row],
    make_thumbnail: MakeThumbnail | None = None,
) -> AsyncGenerator[tuple[int, float]]:
    """Appends a row to `rows` for each picture of a batch.

    Regularly yields the number of pictures and the seconds since the start, even if there is
    no new row: only then does Gradio notice that a client has gone, and the work ends.
    """
    model = services.classifier.model(name)
    found = [(source.name, source.content) for source in _sources(services, files)]
    with await asyncio.to_thread(PictureBatch, found) as batch:
        await services.classifier.prepare(model)
        start = time.monotonic()
        task = asyncio.create_task(_fill(rows, batch, services, model, make_thumbnail))
        try:
            while not task.done():
                yield len(batch), time.monotonic() - start
                await asyncio.wait([task], timeout=UPDATE_SECONDS)
            await task
            yield len(batch), time.monotonic() - start
        finally:
            task.cancel()
            await asyncio.wait([task])


def _sources(services: Services, files: object) -> list[PictureSource]:
    given = [files] if isinstance(files, Mapping | str) else files or []
    if not isinstance(given, list):
        raise InputError(f"The files are {show(files)}; expected a list of files.")
    if len(given) > MAX_PICTURES:
        raise too_many_pictures()
    return [services.picture(file) for file in given]


async def _fill(
    rows: list[Row],
    batch: PictureBatch,
    services: Services,
    model: Model,
    make_thumbnail: MakeThumbnail | None,
) -> None:
    """Appends the rows in the order of the pictures; only the next few run ahead."""
    started: deque[asyncio.Future[Row]] = deque()
    try:
        for item in batch:
            if len(started) > services.low_priority.slots:
                rows.append(await started.popleft())
            work = _row(item, services, model, make_thumbnail)
            started.append(asyncio.ensure_future(work))
        while started:
            rows.append(await started.popleft())
    finally:
        for row in started:
            row.cancel()
        await asyncio.gather(*started, return_exceptions=True)


async def _row(
    item: BatchItem, services: Services, model: Model, make_thumbnail: MakeThumbnail | None
) -> Row:
    try:
        content = await asyncio.to_thread(item.open)
        prediction = await services.low_priority.classify(PictureSource(content, item.name), model)
        row: Row = {"image": item.name, "predictions": prediction.record()["predictions"]}
        if make_thumbnail:
            row["thumbnail"] = await make_thumbnail(content, item.name)
    except PictureError as error:
        return {"image": item.name, "error": str(error)}
    return row
