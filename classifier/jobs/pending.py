"""Accepted jobs that are not in the queue yet."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

from classifier.errors import ClassifierError
from classifier.inference.async_classifier import AsyncClassifier
from classifier.jobs.background_tasks import BackgroundTasks
from classifier.jobs.job import FAILED, ActiveJob
from classifier.jobs.queue import JobQueue

log = logging.getLogger(__name__)
FEED_SECONDS = 0.05


class PendingJobs:
    """Jobs wait here until their model is downloaded, and then until the queue has room.

    Both times they keep the order in which they arrived. `fail` is called with a job and the
    reason if its model cannot be downloaded.
    """

    def __init__(
        self,
        queue: JobQueue,
        classifier: AsyncClassifier,
        fail: Callable[[ActiveJob, str], None],
        tasks: BackgroundTasks,
    ) -> None:
        self._queue = queue
        self._classifier = classifier
        self._fail = fail
        self._tasks = tasks
        self._outside: set[str] = set()  # accepted, or about to be, and not in the queue
        self._downloading: dict[str, dict[str, ActiveJob]] = {}  # by model and job ID
        self._waiting: OrderedDict[str, ActiveJob] = OrderedDict()
        self._feeding = asyncio.Lock()
        self._closed = False

    def __len__(self) -> int:
        """Returns how many jobs wait for room in the queue."""
        return len(self._waiting)

    def room(self) -> int:
        """Returns how many more jobs can be accepted."""
        return max(0, self._queue.room() - len(self._outside))

    def holds(self, id: str) -> bool:
        """Whether a job is here, or about to be."""
        return id in self._outside

    def position(self, id: str) -> int | None:
        """Returns how many requests are before a job that waits for room in the queue."""
        if id not in self._waiting:
            return None
        return self._queue.length() + list(self._waiting).index(id)

    def reserve(self, id: str) -> None:
        """Reserves a place for a job that is about to be accepted."""
        self._outside.add(id)

    def drop(self, id: str) -> None:
        """Removes a job, wherever it waits."""
        self._outside.discard(id)
        self._waiting.pop(id, None)
        for group in self._downloading.values():
            group.pop(id, None)

    def add(self, active: ActiveJob) -> None:
        """Adds a job after the others that wait for the same model, or for room."""
        id, name = active.job.id, active.job.model
        self.reserve(id)
        model = self._classifier.catalogue.get(name)
        if name in self._downloading:
            self._downloading[name][id] = active
        elif model is None or self._classifier.is_downloaded(model):
            self._waiting[id] = active
        else:
            self._downloading[name] = {id: active}
            self._tasks.spawn(self._download(name))

    async def feed(self) -> None:
        """Moves waiting jobs to the queue while it has room."""
        async with self._feeding:
            while self._waiting and self._queue.room() > 0 and not self._closed:
                id, active = next(iter(self._waiting.items()))
                if not await self._queue.push(id, active.caller):
                    return
                if self._waiting.pop(id, None) is None:  # dropped in the meantime
                    await self._queue.remove(id)
                self._outside.discard(id)

    async def keep_feeding(self) -> None:
        """Calls `feed` regularly until the server stops."""
        while not self._closed:
            await asyncio.sleep(FEED_SECONDS)
            if self._waiting:
                await self.feed()

    def close(self) -> None:
        """Stops moving jobs to the queue."""
        self._closed = True

    async def _download(self, name: str) -> None:
        group = self._downloading[name]

        def report(fraction: float) -> None:
            for active in group.values():
                active.download_fraction = fraction

        report(0.0)
        reason = None
        try:
            await self._classifier.download(self._classifier.model(name), report)
        except ClassifierError as error:
            reason = str(error)
        except Exception:
            log.exception("downloading %s failed", name)
            reason = FAILED
        del self._downloading[name]
        for id, active in group.items():
            active.download_fraction = None
            if reason is None:
                self._waiting[id] = active
            else:
                self._fail(active, reason)
        await self.feed()
