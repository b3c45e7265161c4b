"""An app whose jobs are open, but which is not served."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from classifier.inference.prediction import LabelProbability, Prediction
from classifier.jobs.sqlite_store import SqliteJobStore
from classifier.server.app import App
from classifier.settings import Settings
from tests.support.server import PROJECT

PICTURE = PROJECT / "images" / "pretzel.jpg"
PREDICTION = Prediction("tiny", PICTURE.name, (LabelProbability("pretzel", 0.75),) * 5, 0.01, "cpu")
TIMEOUT_SECONDS = 10  # for things that take no time


class Held:
    """A function that waits until it is released."""

    def __init__(self, function: Callable[..., Awaitable[Any]]) -> None:
        self._function = function
        self.called, self.released = asyncio.Event(), asyncio.Event()

    async def __call__(self, *values: Any) -> Any:
        self.called.set()
        await self.released.wait()
        return await self._function(*values)


@asynccontextmanager
async def opened(cache: Path, **settings: Any) -> AsyncIterator[Any]:
    """An app with an open job service. Its queue accepts jobs and starts none by itself."""
    # Inside an event loop: Gradio would otherwise create one and never close it.
    app: Any = App(Settings(cache=cache, queue_size=10, **settings))
    app.open_queue()

    async def predict(*values: object) -> Prediction:
        return PREDICTION

    app.jobs.classifier.predict = predict
    async with app.jobs.lifespan(None):
        yield app


async def status(service: Any, id: str) -> str:
    """Waits until a job has ended, and returns its status; the current one after a while."""
    with suppress(TimeoutError):
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while (state := await service.state(id)) and not state.job.finished:
                await asyncio.sleep(0.01)
    state = await service.state(id)
    assert state
    return str(state.job.status)


def unfinished(cache: Path) -> list[str]:
    """The IDs of the stored jobs that have not ended."""
    store = SqliteJobStore(cache / "tickets")
    jobs = store.take((), room=0).result().new
    store.close()
    return [job.id for job in jobs]
