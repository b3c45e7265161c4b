"""The job store: where a job is written before its ID is given to the client.

This module opens the store, retries while that fails, and deletes expired jobs.
`sqlite_store.py` reads and writes the file.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from classifier.errors import BusyError, ClassifierError, JobStoreError
from classifier.inference.prediction import Prediction
from classifier.jobs.background_tasks import BackgroundTasks
from classifier.jobs.job import Job, Status
from classifier.jobs.sqlite_store import SqliteJobStore

RETRY_SECONDS = 1.0
EXPIRY_SECONDS = 60.0  # between two looks for expired jobs
MAX_EXPIRED = 500  # in one step
PAUSE_SECONDS = 0.05  # between two steps, so that other changes get their turn
MAX_RESULTS = 1_000_000  # about a gigabyte

OnJobs = Callable[[Iterable[Job]], None]


class JobStore:
    """The job store of a server, for its event loop.

    Results are kept for `result_seconds`. All methods raise JobStoreError if the disk fails,
    or the reason why the store is not open.
    """

    def __init__(self, folder: Path, result_seconds: float) -> None:
        self._folder = folder
        self._result_seconds = result_seconds
        self._store: SqliteJobStore | None = None
        self._problem: ClassifierError = BusyError("The server is starting.", 1)
        self._tasks = BackgroundTasks()
        self._closed = False

    async def open(self, prepare: OnJobs, resume: OnJobs) -> None:
        """Opens the store. If that fails, it keeps trying in the background.

        The jobs that have not ended are passed to `prepare`, in a thread, and then to
        `resume`, before a new job is accepted.
        """
        self._closed = False
        if not await self._try_open(prepare, resume):
            self._tasks.spawn(self._keep_opening(prepare, resume))
        self._tasks.spawn(self._keep_expiring())

    async def close(self, problem: ClassifierError, interrupted: Iterable[str]) -> None:
        """Takes back the starts of interrupted jobs, and closes the store."""
        self._closed, self._problem = True, problem
        store, self._store = self._store, None
        if store is None:
            return
        for id in interrupted:
            store.undo_start(id)
        await asyncio.to_thread(store.close)

    @property
    def is_closed(self) -> bool:
        """Whether nothing will be written any more."""
        return self._closed

    async def add(self, job: Job, key: str | None) -> Job:
        """Adds a job, or returns the existing job with the same idempotency key."""
        try:
            return await asyncio.wrap_future(self._open_store().add(job, key, self._expiry_time()))
        except sqlite3.Error as error:
            raise not_written(error) from error

    async def start(self, id: str) -> None:
        """Counts a start if possible: a full disk does not stop a job that was accepted."""
        with suppress(sqlite3.Error, ClassifierError):
            await asyncio.wrap_future(self._open_store().start(id))

    async def end(
        self,
        id: str,
        status: Status,
        finished: float,
        prediction: Prediction | None,
        error: str | None,
    ) -> bool:
        """Ends a job that has not ended; returns whether this call ended it."""
        try:
            changed = self._open_store().end(id, status, finished, prediction, error)
            return await asyncio.wrap_future(changed)
        except sqlite3.Error as failure:
            raise not_written(failure) from failure

    async def find(self, id: str) -> Job | None:
        """Finds a job by its ID; None if it does not exist or has expired."""
        return await self._found(self._open_store().find(id))

    async def find_key(self, key: str) -> Job | None:
        """Finds a job by its idempotency key; None if it does not exist or has expired."""
        return await self._found(self._open_store().find_key(key))

    def has_expired(self, job: Job) -> bool:
        """Whether the result of a job has expired."""
        return job.finished is not None and job.finished < self._expiry_time()

    async def probe(self) -> None:
        """Raises an error if nothing can be written."""
        try:
            await asyncio.wrap_future(self._open_store().probe(time.time()))
        except sqlite3.Error as error:
            raise not_written(error) from error

    def _open_store(self) -> SqliteJobStore:
        if self._store is None:
            raise self._problem.with_traceback(None)
        return self._store

    def _expiry_time(self) -> float:
        return time.time() - self._result_seconds

    async def _found(self, found: "Future[Job | None]") -> Job | None:
        try:
            job = await asyncio.wrap_future(found)
        except sqlite3.Error as error:
            raise JobStoreError(f"The job store cannot be read: {error}.") from error
        return None if job is None or self.has_expired(job) else job

    async def _try_open(self, prepare: OnJobs, resume: OnJobs) -> bool:
        try:
            store = await asyncio.to_thread(SqliteJobStore, self._folder)
        except ClassifierError as error:
            if str(error) != str(self._problem):
                print(f"{error} Until then, the server accepts no jobs over REST.", flush=True)
            self._problem = error
            return False
        try:
            jobs = store.unfinished()
            await asyncio.to_thread(prepare, jobs)
        except (OSError, sqlite3.Error) as error:
            await asyncio.to_thread(store.close)
            self._problem = JobStoreError(f"The job store cannot be used: {error}.")
            return False
        if self._closed:
            await asyncio.to_thread(store.close)
            return False
        resume(jobs)
        self._store = store
        return True

    async def _keep_opening(self, prepare: OnJobs, resume: OnJobs) -> None:
        while not self._closed:
            await asyncio.sleep(RETRY_SECONDS)
            if await self._try_open(prepare, resume):
                return

    async def _keep_expiring(self) -> None:
        while not self._closed:
            deleted = 0
            with suppress(sqlite3.Error, ClassifierError):
                expired = self._open_store().expire(self._expiry_time(), MAX_RESULTS, MAX_EXPIRED)
                deleted = await asyncio.wrap_future(expired)
            await asyncio.sleep(PAUSE_SECONDS if deleted >= MAX_EXPIRED else EXPIRY_SECONDS)


def not_written(error: Exception) -> JobStoreError:
    """Returns the error for a job that cannot be written."""
    return JobStoreError(
        f"The job was not accepted because it cannot be written to disk ({error}). "
        "The disk may be full. Try again later."
    )
