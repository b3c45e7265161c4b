"""The record of jobs as soon as it is there, for as long as it is, and why when it is not."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from classifier.errors import BusyError, ClassifierError, RecordError
from classifier.predict import Prediction
from classifier.record import Job, Record, Status
from classifier.tasks import Tasks

RETRY_SECONDS = 1.0
EXPIRY_SECONDS = 60.0
EXPIRED_AT_ONCE = 500
PAUSE_SECONDS = 0.05  # in which others get to write
MOST_RESULTS = 1_000_000  # about a gigabyte


class Ledger:
    """What a server writes down of its jobs. All but `__init__` runs in its event loop.

    `seconds` is how long results are kept. Its methods raise RecordError if something cannot
    be read or written, or say why there is no record.
    """

    def __init__(self, folder: Path, seconds: float) -> None:
        self._folder = folder
        self._seconds = seconds
        self._record: Record | None = None
        self._trouble: ClassifierError = BusyError("The server is starting.", 1)
        self._tasks = Tasks()
        self._closed = False

    async def open(
        self, prepare: Callable[[Iterable[Job]], None], take: Callable[[Iterable[Job]], None]
    ) -> None:
        """Opens the record, in the background if that does not work now.

        The jobs that have not ended are given to `prepare`, in a thread, and then to `take`,
        before any other is accepted.
        """
        self._closed = False
        if not await self._opened(prepare, take):
            self._tasks.spawn(self._keep_opening(prepare, take))
        self._tasks.spawn(self._keep_expiring())

    async def close(self, trouble: ClassifierError, again: Iterable[str]) -> None:
        """Takes back the starts of jobs that will be begun `again`, and nothing more."""
        self._closed, self._trouble = True, trouble
        record, self._record = self._record, None
        if record is None:
            return
        for ticket in again:
            record.wait_again(ticket)
        await asyncio.to_thread(record.close)

    @property
    def is_closed(self) -> bool:
        """Whether nothing will be written down any more."""
        return self._closed

    async def add(self, job: Job, key: str | None) -> Job:
        """Takes a job in; if there is one with that key, gives that one instead."""
        try:
            return await asyncio.wrap_future(self._there().add(job, key, self._oldest()))
        except sqlite3.Error as error:
            raise unwritten(error) from error

    async def start(self, ticket: str) -> None:
        """Counts a start, if it can: a full disk stops no job that was accepted."""
        with suppress(sqlite3.Error, ClassifierError):
            await asyncio.wrap_future(self._there().start(ticket))

    async def end(
        self,
        ticket: str,
        status: Status,
        finished: float,
        answer: Prediction | None,
        error: str | None,
    ) -> bool:
        """Ends a job, unless it has ended; whether it was this that ended it."""
        try:
            changed = self._there().end(ticket, status, finished, answer, error)
            return await asyncio.wrap_future(changed)
        except sqlite3.Error as failure:
            raise unwritten(failure) from failure

    async def find(self, ticket: str) -> Job | None:
        """The job of a ticket, unless its result has expired."""
        return await self._found(self._there().find(ticket))

    async def find_key(self, key: str) -> Job | None:
        """The job that was put with a key, unless its result has expired."""
        return await self._found(self._there().find_key(key))

    def has_expired(self, job: Job) -> bool:
        """Whether what became of a job is to be forgotten."""
        return job.finished is not None and job.finished < self._oldest()

    async def probe(self) -> None:
        """Raises unless something can be written."""
        try:
            await asyncio.wrap_future(self._there().probe(time.time()))
        except sqlite3.Error as error:
            raise unwritten(error) from error

    def _there(self) -> Record:
        if self._record is None:
            raise self._trouble.with_traceback(None)
        return self._record

    def _oldest(self) -> float:
        return time.time() - self._seconds

    async def _found(self, found: "Future[Job | None]") -> Job | None:
        try:
            job = await asyncio.wrap_future(found)
        except sqlite3.Error as error:
            raise RecordError(f"The record of jobs cannot be read: {error}.") from error
        return None if job is None or self.has_expired(job) else job

    async def _opened(self, prepare: Any, take: Any) -> bool:
        try:
            record = await asyncio.to_thread(Record, self._folder)
        except ClassifierError as error:
            if str(error) != str(self._trouble):
                print(f"{error} Until then there are no tickets.", flush=True)
            self._trouble = error
            return False
        try:
            jobs = record.unfinished()
            await asyncio.to_thread(prepare, jobs)
        except (OSError, sqlite3.Error) as error:
            await asyncio.to_thread(record.close)
            self._trouble = RecordError(f"The record of jobs cannot be used: {error}.")
            return False
        if self._closed:
            await asyncio.to_thread(record.close)
            return False
        take(jobs)
        self._record = record
        return True

    async def _keep_opening(self, prepare: Any, take: Any) -> None:
        while not self._closed:
            await asyncio.sleep(RETRY_SECONDS)
            if await self._opened(prepare, take):
                return

    async def _keep_expiring(self) -> None:
        while not self._closed:
            deleted = 0
            with suppress(sqlite3.Error, ClassifierError):
                expired = self._there().expire(self._oldest(), MOST_RESULTS, EXPIRED_AT_ONCE)
                deleted = await asyncio.wrap_future(expired)
            await asyncio.sleep(PAUSE_SECONDS if deleted >= EXPIRED_AT_ONCE else EXPIRY_SECONDS)


def unwritten(error: Exception) -> RecordError:
    """What to tell about a job that cannot be written down."""
    return RecordError(
        f"The job cannot be written down ({error}), so it is not accepted. "
        "Is the disk full? Try again later."
    )
