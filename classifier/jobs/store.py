"""The job store: where a job is written before its ID is given to the client.

This module opens the database of jobs, retries while that fails, and deletes expired jobs.
`database.py` says what a database can do.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO, Protocol

from classifier.errors import BusyError, ClassifierError, SettingError
from classifier.inference.prediction import Prediction
from classifier.jobs.background_tasks import BackgroundTasks
from classifier.jobs.database import JobDatabase
from classifier.jobs.job import Job, Status
from classifier.jobs.sqlite_store import SqliteJobStore
from classifier.settings import Settings, without_secrets

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
EXPIRY_SECONDS = 60.0  # between two looks for expired jobs
MAX_EXPIRED = 500  # in one step
PAUSE_SECONDS = 0.05  # between two steps, so that other changes get their turn
TAKE_SECONDS = 0.25  # until the owner may have room for more jobs
MAX_RESULTS = 1_000_000  # about a gigabyte


class JobOwner(Protocol):
    """Who runs the jobs of a store, and is told which ones those are."""

    def stored_ids(self) -> set[str]:
        """Returns the IDs of the unfinished jobs that the owner knows, and that are stored."""

    def room(self) -> int:
        """Returns how many more jobs the owner can take."""

    def resume(self, jobs: Iterable[Job]) -> None:
        """Runs these jobs: they are the owner's from now on."""

    def let_go(self, ids: Iterable[str]) -> None:
        """Forgets these jobs: they have ended, or somebody else runs them."""


class JobStore:
    """The job store of a server, for its event loop.

    Results are kept for `result_seconds`. All methods raise JobStoreError if the database
    fails, or the reason why the store is not open.
    """

    def __init__(self, open_database: Callable[[], JobDatabase], result_seconds: float) -> None:
        self._open_database = open_database
        self._result_seconds = result_seconds
        self._database: JobDatabase | None = None
        self._problem: ClassifierError = BusyError("The server is starting.", 1)
        self._tasks = BackgroundTasks()
        self._taking = False
        self._take_again = False
        self._closed = False

    @classmethod
    def from_settings(cls, settings: Settings) -> "JobStore":
        """Returns the job store of a server. Raises SettingError if it can never be opened."""
        return cls(_opener(settings), settings.result_hours * 3600)

    async def open(self, owner: JobOwner) -> None:
        """Opens the store. If that fails, it keeps trying in the background.

        The owner gets the jobs that have not ended before a new job is accepted.
        """
        self._closed = False
        if not await self._try_open(owner):
            self._tasks.spawn(self._keep_opening(owner))
        self._tasks.spawn(self._keep_expiring())

    async def close(self, problem: ClassifierError, interrupted: Iterable[str]) -> None:
        """Takes back the starts of interrupted jobs, and closes the store."""
        self._closed, self._problem = True, problem
        database, self._database = self._database, None
        if database is not None:
            await asyncio.to_thread(database.close, list(interrupted))

    @property
    def is_closed(self) -> bool:
        """Whether nothing will be written any more."""
        return self._closed

    async def add(self, job: Job, picture: BinaryIO | None, key: str | None) -> Job:
        """Adds a job with its picture, or returns the existing job with the idempotency key.

        Raises NoRoomError if there are too many pictures.
        """
        adding = self._opened().add(job, picture, key, self._expiry_time())
        return await asyncio.wrap_future(adding)

    async def picture(self, id: str) -> Path | bytes:
        """Returns the uploaded picture of an unfinished job."""
        return await asyncio.wrap_future(self._opened().picture(id))

    async def start(self, id: str) -> bool:
        """Counts a start; returns False if the job has ended, or another server has it.

        A store that fails does not stop a job that was accepted.
        """
        with suppress(ClassifierError):
            return await asyncio.wrap_future(self._opened().start(id))
        return True

    async def end(
        self,
        id: str,
        status: Status,
        finished: float,
        prediction: Prediction | None = None,
        error: str | None = None,
    ) -> bool:
        """Ends a job that has not ended; returns whether this call ended it."""
        ending = self._opened().end(id, status, finished, prediction, error)
        return await asyncio.wrap_future(ending)

    async def release(self, ids: Collection[str]) -> list[str]:
        """Lets other servers take these jobs; returns the IDs of those that they can take."""
        return await asyncio.wrap_future(self._opened().release(ids))

    async def find(self, id: str) -> Job | None:
        """Finds a job by its ID; None if it does not exist or has expired."""
        return self._kept(await asyncio.wrap_future(self._opened().find(id)))

    async def find_key(self, key: str) -> Job | None:
        """Finds a job by its idempotency key; None if it does not exist or has expired."""
        return self._kept(await asyncio.wrap_future(self._opened().find_key(key)))

    async def statuses(self, ids: Collection[str]) -> dict[str, Status]:
        """Returns the statuses of those of the jobs that exist."""
        return await asyncio.wrap_future(self._opened().statuses(ids))

    def has_expired(self, job: Job) -> bool:
        """Whether the result of a job has expired."""
        return job.finished is not None and job.finished < self._expiry_time()

    async def probe(self) -> None:
        """Raises an error if nothing can be written."""
        await asyncio.wrap_future(self._opened().probe(time.time()))

    def _opened(self) -> JobDatabase:
        if self._database is None:
            raise self._problem.with_traceback(None)
        return self._database

    def _expiry_time(self) -> float:
        return time.time() - self._result_seconds

    def _kept(self, job: Job | None) -> Job | None:
        return None if job is None or self.has_expired(job) else job

    async def _try_open(self, owner: JobOwner) -> bool:
        try:
            database = await asyncio.to_thread(self._open_database)
        except ClassifierError as error:
            self._report(error)
            return False
        try:
            await self._take(database, owner)
        except ClassifierError as error:
            self._report(error)
            await asyncio.to_thread(database.close)
            return False
        if self._closed:
            await asyncio.to_thread(database.close)
            return False
        self._database = database
        self._watch(database, owner)
        return True

    def _report(self, problem: ClassifierError) -> None:
        if str(problem) != str(self._problem):
            print(f"{problem} Until then, the server accepts no jobs over REST.", flush=True)
        self._problem = problem

    async def _keep_opening(self, owner: JobOwner) -> None:
        while not self._closed:
            await asyncio.sleep(RETRY_SECONDS)
            if await self._try_open(owner):
                return

    def _watch(self, database: JobDatabase, owner: JobOwner) -> None:
        loop = asyncio.get_running_loop()

        def on_change(id: str | None) -> None:
            if id is not None:
                owner.let_go([id])
            elif not self._closed:
                self._take_again = True
                if not self._taking:
                    self._tasks.spawn(self._keep_taking(database, owner))

        def from_other_thread(id: str | None) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(on_change, id)

        database.watch(from_other_thread)

    async def _keep_taking(self, database: JobDatabase, owner: JobOwner) -> None:
        self._taking = True
        try:
            while self._take_again and not self._closed:
                self._take_again = False
                if await self._take(database, owner):
                    self._take_again = True
                    await asyncio.sleep(TAKE_SECONDS)
        except ClassifierError as error:
            log.info("no jobs can be taken: %s", error)
        finally:
            self._taking = False

    async def _take(self, database: JobDatabase, owner: JobOwner) -> bool:
        """Takes jobs; returns whether there may be more, for which the owner has no room."""
        # Asked before the database is, so that a job of this server is never gone by mistake.
        known, room = owner.stored_ids(), owner.room()
        taken = await asyncio.wrap_future(database.take(known, room))
        if not self._closed:
            owner.let_go(taken.gone)
            owner.resume(taken.new)
        return len(taken.new) >= room

    async def _keep_expiring(self) -> None:
        while not self._closed:
            deleted = 0
            with suppress(ClassifierError):
                expired = self._opened().expire(self._expiry_time(), MAX_RESULTS, MAX_EXPIRED)
                deleted = await asyncio.wrap_future(expired)
            await asyncio.sleep(PAUSE_SECONDS if deleted >= MAX_EXPIRED else EXPIRY_SECONDS)


def _opener(settings: Settings) -> Callable[[], JobDatabase]:
    """Returns a function that opens the database of jobs."""
    url = settings.jobs_url
    if not url:
        return partial(SqliteJobStore, settings.cache / "tickets")
    if find_spec("psycopg") is None:
        expected = "the package psycopg too: pip install -r requirements-cluster.txt"
        raise SettingError("CLASSIFIER_JOBS_URL", without_secrets(url), expected)
    # Imported only now: without the setting, nobody needs the package.
    from classifier.jobs.postgres_connections import parse
    from classifier.jobs.postgres_store import PostgresJobStore

    parse(url)
    return partial(PostgresJobStore, url)
