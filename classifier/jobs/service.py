"""The job service: accepts jobs, runs them, reports their state, and cancels them."""

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import AsyncIterator, Hashable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from cachetools import LRUCache

from classifier import logs, metrics
from classifier.errors import (
    BusyError,
    ClassifierError,
    InputError,
    JobStoreError,
    NoRoomError,
    TooManyRequestsError,
)
from classifier.inference.async_classifier import AsyncClassifier
from classifier.inference.prediction import Prediction
from classifier.jobs.background_tasks import BackgroundTasks
from classifier.jobs.files import MAX_BYTES, no_room, sha256, too_large
from classifier.jobs.job import FAILED, ActiveJob, Job, JobState, Status
from classifier.jobs.pending import PendingJobs
from classifier.jobs.queue import JobQueue
from classifier.jobs.store import JobStore
from classifier.jobs.watched import WatchedJobs
from classifier.pictures.decoding import detect_format
from classifier.pictures.gallery import file_version
from classifier.pictures.source import PictureSource

log = logging.getLogger(__name__)

# A job that was started this often and never ended probably crashes the server.
MAX_STARTS = 5
CACHE_SIZE = 1000  # predictions, and jobs that have ended
MAX_UNSTORED_BYTES = 256 << 20  # of pictures that are only in memory
RETRY_SECONDS = 1.0
STOPPING = "The server is stopping. Try again after it has restarted."


class JobService:
    """The jobs of one server. All methods except `__init__` run in its event loop.

    A job is written to the store before its ID is returned. It then waits until its model is
    downloaded and the queue has room, and then in the queue.
    """

    def __init__(
        self, classifier: AsyncClassifier, store: JobStore, fair_shares: bool = True
    ) -> None:
        """With `fair_shares`, a caller can use only a part of the queue."""
        self.fair_shares = fair_shares
        self.classifier = classifier
        self._store = store
        self._queue: JobQueue
        self._pending: PendingJobs
        self.loop: asyncio.AbstractEventLoop
        self._active: dict[str, ActiveJob] = {}
        self._ended: LRUCache[str, Job] = LRUCache(CACHE_SIZE)
        self._predictions: LRUCache[Hashable, Prediction] = LRUCache(CACHE_SIZE)
        self._tasks = BackgroundTasks()
        self._watched = WatchedJobs(store.statuses, self._tasks)
        self._accepting: dict[str, asyncio.Task[JobState]] = {}  # by idempotency key
        self._callers: dict[str, str] = {}  # of the unfinished jobs, by job ID
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
        await self._store.open(self)

    def stored_ids(self) -> set[str]:
        """Returns the IDs of the unfinished jobs that are in memory and in the store."""
        return {id for id, active in self._active.items() if active.is_stored}

    def room(self) -> int:
        """Returns how many more jobs can be accepted."""
        return 0 if self._stopping else self._pending.room()

    def resume(self, jobs: Iterable[Job]) -> None:
        """Continues with jobs of the store that no living server has."""
        for job in jobs:
            if known := self._active.get(job.id):
                known.is_stored = True  # although the store failed to confirm it
                continue
            if ended := self._ended.get(job.id):
                self._tasks.spawn(self._write_end(ended))
                continue
            if self._pending.holds(job.id):
                continue  # about to be accepted
            active = self._active[job.id] = ActiveJob(replace(job, status="queued"))
            if job.starts >= MAX_STARTS:
                self._fail(active, f"The server stopped {job.starts} times during this job.")
            else:
                self._pending.add(active)
        if self._stopping:
            self._release_waiting()

    def let_go(self, ids: Iterable[str]) -> None:
        """Forgets unfinished jobs that have ended elsewhere, or belong to another server."""
        for id in ids:
            active = self._active.get(id)
            if active and active.is_stored:
                self._tasks.spawn(self._leave(active, active.job))

    async def submit(
        self,
        model: object,
        image: object,
        picture: BinaryIO | None = None,
        key: str | None = None,
        must_be_stored: bool = True,
        caller: str = "",
    ) -> JobState:
        """Accepts a job. When this returns, the job is on the disk and will end.

        `image` is the name of a picture in the gallery, or the display name of an uploaded
        `picture`. With the idempotency key of an earlier job of the caller, that job is returned.
        With `must_be_stored=False`, the job is also accepted if it cannot be written to disk.
        Raises InputError if the model or the picture does not exist, or the key belongs to a
        different request. Raises TooManyRequestsError if the caller has too many unfinished
        requests, and BusyError or JobStoreError if no job can be accepted now.
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
        if key is not None:
            key = _key_of(caller, key)
        if key is not None and (known := await self._store.find_key(key)):
            return JobState(_same_request(known, request))
        if key is not None and (first := self._accepting.get(key)):
            return JobState(_same_request((await asyncio.shield(first)).job, request))

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
            self._accept(ActiveJob(job, cache_key, caller=caller), picture, key, must_be_stored)
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
            self.check_caller(active.caller)
            if not self._pending.room():
                raise BusyError("The queue is full.", self.seconds_to_wait())
            self._pending.reserve(job.id)
            self._callers[job.id] = active.caller
        try:
            try:
                accepted = await self._store.add(job, picture, key)
            except JobStoreError:
                if must_be_stored:
                    raise
                accepted, active.is_stored = job, False
                active.picture = await self._read(picture, job.upload_bytes)
        except BaseException as error:
            self._forget(job.id)
            if isinstance(error, NoRoomError):
                raise BusyError(str(error), self.seconds_to_wait()) from None
            raise
        if accepted.id != job.id:  # two requests with the same key arrived together
            self._forget(job.id)
            return JobState(_same_request(accepted, job.request))
        if job.finished:
            self._ended[job.id] = job
            _record(active, job)
        else:
            self._active[job.id] = active
            self._pending.add(active)
            await self._pending.feed()
        return JobState(active.job, is_stored=active.is_stored)

    def check_caller(self, caller: str) -> None:
        """Raises TooManyRequestsError if a caller has as many requests as places are free.

        Places are those to wait and those to run. So one caller alone can have half of them.
        """
        if not self.fair_shares or not caller:
            return
        jobs = sum(other == caller for other in self._callers.values())
        unfinished = jobs + self._queue.count(caller)
        idle = max(0, self.classifier.capacity - self._queue.running())
        if unfinished and unfinished >= self._pending.room() + idle:
            raise TooManyRequestsError(
                "You already have your share of the queue: "
                f"{unfinished} unfinished {'request' if unfinished == 1 else 'requests'}.",
                self.seconds_to_wait(),
            )

    def _forget(self, id: str) -> None:
        """Frees the place of a job that has ended or was not accepted."""
        self._pending.drop(id)
        self._callers.pop(id, None)

    async def _read(self, picture: BinaryIO | None, size: int) -> bytes | None:
        """Reads the picture of a job that cannot be stored."""
        if picture is None:
            return None
        waiting = sum(len(active.picture or b"") for active in self._active.values())
        if waiting + size > MAX_UNSTORED_BYTES:
            raise no_room()
        picture.seek(0)
        return await asyncio.to_thread(picture.read)

    async def state(self, id: str) -> JobState | None:
        """Returns the state of a job, or None if it does not exist or has expired."""
        active = self._active.get(id)
        if active is None:
            job = await self._stored(id)
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
        with suppress(TimeoutError, ClassifierError):
            async with asyncio.timeout(seconds):
                if active:
                    await active.changed.wait()
                elif (job := await self._stored(id)) and not job.finished:
                    await self._watched.wait(id, job.status)

    async def _stored(self, id: str) -> Job | None:
        """Returns a job that has ended, or that another server has."""
        return self._ended.get(id) or await self._store.find(id)

    async def cancel(self, id: str) -> None:
        """Cancels a job that is waiting or running, on whatever server.

        Raises JobStoreError if that cannot be written, and BusyError if the server has stopped.
        """
        active = self._active.get(id)
        if active:
            await asyncio.shield(self._tasks.spawn(self._end(active, "canceled")))
        elif (job := await self._stored(id)) and not job.finished:
            await self._store.end(id, "canceled", time.time())

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
        """Rejects new jobs because the server is stopping, and lets others take those that wait."""
        self._stopping = True
        self._pending.close()
        self._release_waiting()

    def _release_waiting(self) -> None:
        waiting = [
            id for id, active in self._active.items() if active.is_stored and not active.task
        ]
        if waiting and not self._store.is_closed:
            self._tasks.spawn(self._release(waiting))

    async def _release(self, ids: list[str]) -> None:
        self.let_go(await self._store.release(ids))

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
        logs.JOB.set(job.id)  # of this task
        if active.is_stored and not await self._store.start(job.id):
            self.let_go([job.id])
            return
        active.started = time.time()
        metrics.QUEUE_SECONDS.observe(max(0.0, active.started - job.created))
        if job.id in self._active:
            active.update(replace(job, status="started"))
        try:
            prediction = await self._predict(active)
        except ClassifierError as error:
            active.failure = type(error).__name__
            self._fail(active, str(error))
        except Exception as error:
            log.exception("a job failed")
            active.failure = type(error).__name__
            self._fail(active, FAILED)
        else:
            if active.cache_key and not self.classifier.delay_seconds:
                self._predictions[active.cache_key] = prediction
            # Do not occupy the place in the queue while waiting for the disk.
            self._tasks.spawn(self._end_with_retries(active, "finished", prediction))

    async def _predict(self, active: ActiveJob) -> Prediction:
        job = active.job
        if job.upload_bytes:
            content = active.picture or await self._stored_picture(job.id)
        else:
            content = self.classifier.gallery.path(job.image)
        model = self.classifier.model(job.model)
        return await self.classifier.predict(PictureSource(content, job.image), model)

    async def _stored_picture(self, id: str) -> Path | bytes:
        """Retries until the picture can be read: the job was accepted."""
        while True:
            try:
                return await self._store.picture(id)
            except (JobStoreError, BusyError) as failure:
                if self._store.is_closed:
                    raise
                log.warning("the picture of a job cannot be read yet: %s", failure)
                await asyncio.sleep(RETRY_SECONDS)

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
    ) -> None:
        """Ends a job in the store and then in memory, unless it has ended.

        Raises JobStoreError if that cannot be written; nothing changes then.
        """
        ended = replace(
            active.job, status=status, finished=time.time(), prediction=prediction, error=error
        )
        if active.is_stored:
            is_first = await self._write_end(ended)
        else:
            is_first = ended.id in self._active
        if is_first:
            self._ended[ended.id] = ended
            _record(active, ended)
        await self._leave(active, ended if is_first else active.job)

    async def _write_end(self, job: Job) -> bool:
        finished = job.finished or time.time()
        return await self._store.end(job.id, job.status, finished, job.prediction, job.error)

    async def _leave(self, active: ActiveJob, job: Job) -> None:
        """Removes a job from memory, the queue and the processors. `job` is its last state."""
        if self._active.get(job.id) is not active:
            return
        del self._active[job.id]
        self._forget(job.id)
        active.update(job)
        if active.task:
            active.task.cancel()
        await self._queue.remove(job.id)


def _record(active: ActiveJob, ended: Job) -> None:
    """Counts a job that has ended, and writes its line of the log, without the user's data."""
    metrics.JOBS.labels(ended.status).inc()
    facts: dict[str, object] = {"job": ended.id, "status": ended.status, "model": ended.model}
    if active.started:
        facts["queued_seconds"] = round(max(0.0, active.started - ended.created), 3)
    if ended.prediction:
        facts["inference_seconds"] = round(ended.prediction.seconds, 4)
    if active.failure:
        facts["error"] = active.failure
    logs.job("job ended", **facts)


def _key_of(caller: str, key: str) -> str:
    """Returns what is stored for an idempotency key: callers that use the same key do not meet.

    It is a digest, because the address of a caller is nobody's business.
    """
    return hashlib.sha256(f"{caller}\n{key}".encode()).hexdigest()


def _same_request(known: Job, request: str) -> Job:
    if known.request != request:
        raise InputError("The Idempotency-Key belongs to a different request; use a new key.")
    return known
