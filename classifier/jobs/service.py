"""The job service: accepts jobs, runs them, reports their state, and cancels them."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Hashable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from cachetools import LRUCache

from classifier.errors import BusyError, ClassifierError, InputError, JobStoreError
from classifier.inference.async_classifier import AsyncClassifier
from classifier.inference.prediction import Prediction
from classifier.jobs.background_tasks import BackgroundTasks
from classifier.jobs.files import MAX_BYTES, JobFiles, sha256, too_large
from classifier.jobs.job import FAILED, ActiveJob, Job, JobState, Status
from classifier.jobs.pending import PendingJobs
from classifier.jobs.queue import JobQueue
from classifier.jobs.store import JobStore, not_written
from classifier.pictures.decoding import detect_format
from classifier.pictures.gallery import file_version
from classifier.pictures.source import PictureSource

log = logging.getLogger(__name__)

# A job that was started this often and never ended probably crashes the server.
MAX_STARTS = 5
CACHE_SIZE = 1000  # predictions, and jobs that have ended
RETRY_SECONDS = 1.0
STOPPING = "The server is stopping. Try again after it has restarted."


class JobService:
    """The jobs of one server. All methods except `__init__` run in its event loop.

    A job is written to the store before its ID is returned. It then waits until its model is
    downloaded and the queue has room, and then in the queue.
    """

    def __init__(self, classifier: AsyncClassifier, folder: Path, result_hours: float) -> None:
        self.classifier = classifier
        self._store = JobStore(folder, result_hours * 3600)
        self._files = JobFiles(folder / "pictures")
        self._queue: JobQueue
        self._pending: PendingJobs
        self.loop: asyncio.AbstractEventLoop
        self._active: dict[str, ActiveJob] = {}
        self._ended: LRUCache[str, Job] = LRUCache(CACHE_SIZE)
        self._predictions: LRUCache[Hashable, Prediction] = LRUCache(CACHE_SIZE)
        self._tasks = BackgroundTasks()
        self._accepting: dict[str, asyncio.Task[JobState]] = {}  # by idempotency key
        self._stopping = False

    def connect(self, queue: JobQueue) -> None:
        """Sets the queue that jobs wait in. Call it before `open`."""
        self._queue = queue
        self._pending = PendingJobs(queue, self.classifier, self._fail, self._tasks)

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """Keeps the service open while an application is served, in its event loop."""
        self.loop = asyncio.get_running_loop()
        await self.open()
        try:
            yield
        finally:
            await self.close()

    async def open(self) -> None:
        """Resumes the jobs of an earlier server, as soon as that one has released the store."""
        self._tasks.spawn(self._pending.keep_feeding())
        await self._store.open(self._prepare, self._resume)

    def _prepare(self, jobs: Iterable[Job]) -> None:
        self._files.open(job.id for job in jobs if job.upload_bytes)

    def _resume(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            active = self._active[job.id] = ActiveJob(replace(job, status="queued"))
            if job.starts >= MAX_STARTS:
                self._fail(active, f"The server stopped {job.starts} times during this job.")
            else:
                self._pending.add(active)

    async def submit(
        self,
        model: object,
        image: object,
        picture: BinaryIO | None = None,
        key: str | None = None,
        must_be_stored: bool = True,
    ) -> JobState:
        """Accepts a job. When this returns, the job is on the disk and will end.

        `image` is the name of a picture in the gallery, or the display name of an uploaded
        `picture`. With the idempotency key of an earlier job, that job is returned. With
        `must_be_stored=False`, the job is also accepted if it cannot be written to disk.
        Raises InputError if the model or the picture does not exist, or the key belongs to a
        different request. Raises BusyError or JobStoreError if no job can be accepted now.
        """
        if self._stopping:
            raise BusyError(STOPPING, self.seconds_to_wait())
        chosen = self.classifier.model(model)
        if picture is None:
            path = self.classifier.gallery.path(image)
            cache_key: Hashable = (file_version(path), chosen.name)
            request, size = f"{chosen.name}/{path.name}", 0
        else:
            size = picture.seek(0, 2)
            if size > MAX_BYTES:
                raise too_large()
            await asyncio.to_thread(detect_format, picture, str(image))
            cache_key = None
            request = f"{chosen.name}/{await asyncio.to_thread(sha256, picture)}"
        if key is not None and (known := await self._store.find_key(key)):
            return JobState(_same_request(known, request, key))
        if key is not None and (first := self._accepting.get(key)):
            return JobState(_same_request((await asyncio.shield(first)).job, request, key))

        job = Job(
            id=secrets.token_urlsafe(16),
            request=request,
            model=chosen.name,
            image=str(image),
            upload_bytes=size,
            created=time.time(),
        )
        if prediction := self._predictions.get(cache_key):
            job = replace(job, status="finished", finished=time.time(), prediction=prediction)
        # A client that disconnects from here on must not leave a job that is half accepted.
        accepting = self._tasks.spawn(
            self._accept(ActiveJob(job, cache_key), picture, key, must_be_stored)
        )
        if key is not None:
            self._accepting[key] = accepting
            accepting.add_done_callback(lambda _: self._accepting.pop(key))
        return await asyncio.shield(accepting)

    async def _accept(
        self, active: ActiveJob, picture: BinaryIO | None, key: str | None, must_be_stored: bool
    ) -> JobState:
        job = active.job
        if not job.finished:
            self._check_room(job.upload_bytes)
            self._pending.reserve(job.id)
        try:
            if picture is not None:
                self._files.reserve(job.id, job.upload_bytes)
                await asyncio.to_thread(self._files.write, job.id, picture)
            try:
                accepted = await self._store.add(job, key)
            except JobStoreError:
                if must_be_stored:
                    raise
                accepted, active.is_stored = job, False
        except BaseException as error:
            self._drop(job)
            if isinstance(error, OSError):
                raise not_written(error) from error
            raise
        if accepted.id != job.id:  # two requests with the same key arrived together
            self._drop(job)
            return JobState(_same_request(accepted, job.request, key))
        if job.finished:
            self._ended[job.id] = job
        else:
            self._active[job.id] = active
            self._pending.add(active)
            await self._pending.feed()
        return JobState(active.job, is_stored=active.is_stored)

    def _check_room(self, size: int) -> None:
        if not self._pending.has_room():
            raise BusyError("The queue is full.", self.seconds_to_wait())
        if not self._files.has_room(size):
            raise BusyError("Too many uploaded pictures are waiting.", self.seconds_to_wait())

    def _drop(self, job: Job) -> None:
        self._pending.drop(job.id)
        self._files.remove(job.id)

    async def state(self, id: str) -> JobState | None:
        """Returns the state of a job, or None if it does not exist or has expired."""
        active = self._active.get(id)
        if active is None:
            job = self._ended.get(id) or await self._store.find(id)
            return JobState(job) if job and not self._store.has_expired(job) else None
        position, seconds = self._queue.place(id)
        if position is None:
            position = self._pending.position(id)
        if position is not None and seconds is None:
            seconds = self._estimate(active.job, position)
        return JobState(
            active.job,
            position,
            seconds,
            active.download_fraction,
            active.is_stored,
            self.classifier.backend.problem(),
        )

    def _estimate(self, job: Job, position: int) -> float | None:
        """Estimates the seconds to the end of a job, before the queue has seen any job end."""
        each = self.classifier.seconds(job.model)
        return each * ((position + 1) / self.classifier.capacity + 1) if each else None

    async def wait(self, id: str, seconds: float) -> None:
        """Waits until the status of a job changes, at most `seconds`; ended jobs return now."""
        active = self._active.get(id)
        if active:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await active.changed.wait()

    async def cancel(self, id: str) -> None:
        """Cancels a job that is waiting or running.

        Raises JobStoreError if that cannot be written, and BusyError if the server has stopped.
        """
        active = self._active.get(id)
        if active:
            await asyncio.shield(self._tasks.spawn(self._cancel(active)))

    async def _cancel(self, active: ActiveJob) -> None:
        if await self._end(active, "canceled"):
            if active.task:
                active.task.cancel()
            await self._queue.remove(active.job.id)

    async def run(self, id: str) -> str:
        """Runs a job when its turn in the queue comes; returning frees its place."""
        active = self._active.get(str(id))  # clients can send anything
        if active and not active.task:
            active.task = self._tasks.spawn(self._work(active))
            # If the queue cancels this call, the job itself continues.
            await asyncio.wait([active.task])
        return id

    async def probe(self) -> None:
        """Raises an error if jobs cannot be written to disk."""
        await self._store.probe()

    def waiting(self) -> int:
        """Returns how many requests wait for a model, jobs and others."""
        return self._queue.length() + len(self._pending)

    def pending(self) -> int:
        """Returns how many jobs wait for room in the queue."""
        return len(self._pending)

    def is_busy(self) -> bool:
        """Whether a job is running, or its result is not written yet."""
        return any(active.task for active in self._active.values())

    def stop_accepting(self) -> None:
        """Rejects new jobs because the server is stopping."""
        self._stopping = True
        self._pending.close()

    async def close(self) -> None:
        """Leaves the jobs that have not ended to the next server."""
        self.stop_accepting()
        # From here on, results of running jobs are too late.
        interrupted = [id for id, active in self._active.items() if active.task]
        await self._store.close(BusyError(STOPPING, self.seconds_to_wait()), interrupted)
        for active in self._active.values():
            active.update(active.job)

    def seconds_to_wait(self) -> int:
        """Estimates after how many seconds there may be room."""
        return self._queue.seconds_to_wait()

    def left_queue(self, id: str) -> None:
        """Puts a job back into the queue if it left without being started."""
        active = self._active.get(id)
        if active is None or active.task or self._stopping:
            return
        active.queue_exits += 1
        if active.queue_exits >= MAX_STARTS:
            self._fail(active, "The queue failed to start this job.")
        else:
            self._pending.add(active)

    async def _work(self, active: ActiveJob) -> None:
        job = active.job
        if active.is_stored:
            await self._store.start(job.id)
        if job.id in self._active:
            active.update(replace(job, status="started"))
        try:
            prediction = await self._predict(job)
        except ClassifierError as error:
            self._fail(active, str(error))
        except Exception:
            log.exception("a job failed")
            self._fail(active, FAILED)
        else:
            if active.cache_key and not self.classifier.delay_seconds:
                self._predictions[active.cache_key] = prediction
            # Do not occupy the place in the queue while waiting for the disk.
            self._tasks.spawn(self._end_with_retries(active, "finished", prediction))

    async def _predict(self, job: Job) -> Prediction:
        gallery = self.classifier.gallery
        path = self._files.path(job.id) if job.upload_bytes else gallery.path(job.image)
        model = self.classifier.model(job.model)
        return await self.classifier.predict(PictureSource(path, job.image), model)

    def _fail(self, active: ActiveJob, reason: str) -> None:
        self._tasks.spawn(self._end_with_retries(active, "failed", error=reason))

    async def _end_with_retries(
        self,
        active: ActiveJob,
        status: Status,
        prediction: Prediction | None = None,
        error: str | None = None,
    ) -> None:
        """Retries until the end is written, or the server stops; the next one then reruns it."""
        while True:
            try:
                await self._end(active, status, prediction, error)
                return
            except ClassifierError as failure:
                if self._store.is_closed:
                    return
                log.warning("the result of a job cannot be written yet: %s", failure)
                await asyncio.sleep(RETRY_SECONDS)

    async def _end(
        self,
        active: ActiveJob,
        status: Status,
        prediction: Prediction | None = None,
        error: str | None = None,
    ) -> bool:
        """Ends a job in the store and then in memory; returns whether this call ended it.

        Raises JobStoreError if that cannot be written; nothing changes then.
        """
        id, finished = active.job.id, time.time()
        if active.is_stored:
            has_ended = await self._store.end(id, status, finished, prediction, error)
        else:
            has_ended = id in self._active
        if not has_ended:
            return False
        ended = replace(
            active.job, status=status, finished=finished, prediction=prediction, error=error
        )
        self._ended[id] = ended
        del self._active[id]
        self._pending.drop(id)
        active.update(ended)
        if ended.upload_bytes:
            await asyncio.to_thread(self._files.remove, id)
        return True


def _same_request(known: Job, request: str, key: str | None) -> Job:
    if known.request != request:
        raise InputError(
            f"The Idempotency-Key {key!r} belongs to a different request; use a new key."
        )
    return known
