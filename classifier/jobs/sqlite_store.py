"""The job store in SQLite: one file that survives restarts of the server.

A single thread writes. Changes that arrive together are committed together, so many jobs
share the time until the disk has confirmed a commit. Uploaded pictures are files.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, BinaryIO, Generic, TypeVar

from filelock import FileLock, Timeout

from classifier.errors import JobStoreError, JobStoreLockedError
from classifier.inference.prediction import Prediction
from classifier.jobs.database import OnChange, Taken
from classifier.jobs.files import JobFiles
from classifier.jobs.job import Job, Status
from classifier.jobs.rows import COLUMNS, to_job, to_row, to_text

Value = TypeVar("Value")

# The names of files and columns stay as they are, so that jobs survive an upgrade.
FILE = "record.sqlite"
LOCK = "record.lock"
PICTURES = "pictures"
SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    key TEXT UNIQUE,
    question TEXT NOT NULL,
    model TEXT NOT NULL,
    image TEXT NOT NULL,
    uploaded INTEGER NOT NULL,
    status TEXT NOT NULL,
    starts INTEGER NOT NULL DEFAULT 0,
    created REAL NOT NULL,
    finished REAL,
    answer TEXT,
    error TEXT
);
CREATE INDEX IF NOT EXISTS ended ON jobs (finished) WHERE finished IS NOT NULL;
CREATE INDEX IF NOT EXISTS waiting ON jobs (number) WHERE finished IS NULL;
CREATE TABLE IF NOT EXISTS probe (number INTEGER PRIMARY KEY, time REAL);
"""
MAX_CHANGES = 200  # in one commit
PICTURES_AT_ONCE = 8


class SqliteJobStore:
    """The jobs in a folder: a `JobDatabase` that only one server can use at a time."""

    def __init__(self, folder: Path) -> None:
        """Raises JobStoreLockedError if another server uses the store.

        Raises JobStoreError if the store cannot be opened.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Not tied to a thread: another one may close the store.
            self._lock = FileLock(folder / LOCK, thread_local=False)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise JobStoreLockedError(
                f"Another server uses the job store in {folder}. Stop it, or set "
                "CLASSIFIER_CACHE to another folder."
            ) from None
        except OSError as error:
            raise _unusable(folder, error) from error
        try:
            self._writing = _connect(folder / FILE)
            self._writing.executescript(SCHEMA)
            self._reading = _connect(folder / FILE)
            self._files = JobFiles(folder / PICTURES)
            self._files.open(job.id for job in self._unfinished() if job.upload_bytes)
        except (OSError, sqlite3.Error) as error:
            self._lock.release()
            raise _unusable(folder, error) from error
        self._changes: SimpleQueue[_Change[Any] | None] = SimpleQueue()
        self._writer = Thread(target=self._write, name="job-store-writer", daemon=True)
        self._writer.start()
        self._reader = ThreadPoolExecutor(1, "job-store-reader")
        self._uploads = ThreadPoolExecutor(PICTURES_AT_ONCE, "job-store-pictures")

    def close(self, interrupted: Iterable[str] = ()) -> None:
        """Makes all changes that were requested, and closes the store.

        The starts of interrupted jobs are taken back.
        """
        self._uploads.shutdown()
        for id in interrupted:
            self._undo_start(id)
        self._changes.put(None)
        self._writer.join()
        self._reader.shutdown()
        self._reading.close()
        self._writing.close()
        self._lock.release()

    def watch(self, on_change: OnChange) -> None:
        """Does nothing: no other server can change these jobs."""

    def take(self, known: Collection[str], room: int) -> "Future[Taken]":
        """Takes all unfinished jobs: they belong to the only server, whatever room it has."""

        def read() -> Taken:
            jobs = self._unfinished()
            gone = set(known) - {job.id for job in jobs}
            return Taken([job for job in jobs if job.id not in known], gone)

        return self._read(read)

    def release(self, ids: Collection[str]) -> "Future[list[str]]":
        """Releases nothing: the next server takes the jobs when it opens the store."""
        return _done([])

    def add(
        self,
        job: Job,
        picture: BinaryIO | None = None,
        key: str | None = None,
        before: float = 0.0,
    ) -> "Future[Job]":
        """Adds a job with its picture, or returns the existing job with the idempotency key."""

        def run(connection: sqlite3.Connection) -> Job:
            if key is not None:
                connection.execute("DELETE FROM jobs WHERE key = ? AND finished < ?", (key, before))
            values = (*to_row(job), key)
            added = connection.execute(
                f"INSERT INTO jobs ({COLUMNS}, key) VALUES ({', '.join('?' * len(values))}) "
                "ON CONFLICT (key) DO NOTHING",
                values,
            )
            if added.rowcount:
                return job
            found = connection.execute(f"SELECT {COLUMNS} FROM jobs WHERE key = ?", (key,))
            return to_job(found.fetchone())

        def run_with_picture(picture: BinaryIO) -> Job:
            added = None
            try:
                self._files.add(job.id, job.upload_bytes, picture)
                added = self._change(run).result()
            except OSError as error:
                raise _not_written(error) from error
            finally:
                if added is None or added.id != job.id:
                    self._files.remove(job.id)
            return added

        return self._uploads.submit(run_with_picture, picture) if picture else self._change(run)

    def picture(self, id: str) -> "Future[Path | bytes]":
        """Returns the path of a job's picture."""
        return _done(self._files.path(id))

    def start(self, id: str) -> "Future[bool]":
        """Counts a start of a job; the future returns False if the job has ended."""
        return self._change(
            lambda connection: _update(
                connection,
                "UPDATE jobs SET status = 'started', starts = starts + 1 "
                "WHERE id = ? AND finished IS NULL",
                id,
            ),
            durable=False,
        )

    def _undo_start(self, id: str) -> "Future[bool]":
        return self._change(
            lambda connection: _update(
                connection,
                "UPDATE jobs SET status = 'queued', starts = starts - 1 "
                "WHERE id = ? AND status = 'started'",
                id,
            )
        )

    def end(
        self,
        id: str,
        status: Status,
        finished: float,
        prediction: Prediction | None = None,
        error: str | None = None,
    ) -> "Future[bool]":
        """Ends a job that has not ended; the future returns whether this call ended it."""
        text = to_text(prediction)

        def remove_picture(has_ended: bool) -> None:
            if has_ended:
                with suppress(OSError):  # the next start deletes it
                    self._files.remove(id)

        return self._change(
            lambda connection: _update(
                connection,
                "UPDATE jobs SET status = ?, finished = ?, answer = ?, error = ? "
                "WHERE id = ? AND finished IS NULL",
                status,
                finished,
                text,
                error,
                id,
            ),
            afterwards=remove_picture,
        )

    def expire(self, before: float, kept: int, limit: int) -> "Future[int]":
        """Deletes ended jobs that are too old."""

        def run(connection: sqlite3.Connection) -> int:
            old = connection.execute(
                "DELETE FROM jobs WHERE number IN "
                "(SELECT number FROM jobs WHERE finished < ? LIMIT ?)",
                (before, limit),
            )
            excess = connection.execute(
                "DELETE FROM jobs WHERE number IN "
                "(SELECT number FROM jobs WHERE number <= (SELECT MAX(number) FROM jobs) - ? "
                "AND finished IS NOT NULL ORDER BY number LIMIT ?)",
                (kept, limit),
            )
            return old.rowcount + excess.rowcount

        return self._change(run, durable=False)

    def probe(self, time: float) -> "Future[None]":
        """Writes a few bytes to check that the disk accepts them."""

        def run(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO probe VALUES (1, ?)", (time,))

        return self._change(run)

    def find(self, id: str) -> "Future[Job | None]":
        """Finds a job by its ID."""
        return self._read(lambda: self._find("WHERE id = ?", id))

    def find_key(self, key: str) -> "Future[Job | None]":
        """Finds a job by its idempotency key."""
        return self._read(lambda: self._find("WHERE key = ?", key))

    def statuses(self, ids: Collection[str]) -> "Future[dict[str, Status]]":
        """Returns the statuses of those of the jobs that exist."""

        def read() -> dict[str, Status]:
            jobs = [self._find("WHERE id = ?", id) for id in ids]
            return {job.id: job.status for job in jobs if job}

        return self._read(read)

    def _unfinished(self) -> list[Job]:
        found = self._reading.execute(
            f"SELECT {COLUMNS} FROM jobs WHERE finished IS NULL ORDER BY number"
        )
        return [to_job(row) for row in found]

    def _find(self, condition: str, value: str) -> Job | None:
        found = self._reading.execute(f"SELECT {COLUMNS} FROM jobs {condition}", (value,))
        row = found.fetchone()
        return row and to_job(row)

    def _read(self, read: Callable[[], Value]) -> "Future[Value]":
        def read_or_explain() -> Value:
            try:
                return read()
            except sqlite3.Error as error:
                raise JobStoreError(f"The job store cannot be read: {error}.") from error

        return self._reader.submit(read_or_explain)

    def _change(
        self,
        run: Callable[[sqlite3.Connection], Value],
        durable: bool = True,
        afterwards: Callable[[Value], None] | None = None,
    ) -> "Future[Value]":
        """Runs a change in the next commit, and calls `afterwards` when it is on the disk."""
        change = _Change(run, durable, afterwards)
        self._changes.put(change)
        return change.result

    def _write(self) -> None:
        while changes := self._next_changes():
            durable = any(change.durable for change in changes)
            try:
                self._writing.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._writing.execute("BEGIN IMMEDIATE")
                values = [change.run(self._writing) for change in changes]
                self._writing.execute("COMMIT")
            except Exception as error:
                if self._writing.in_transaction:
                    self._writing.execute("ROLLBACK")
                for change in changes:
                    known = isinstance(error, sqlite3.Error)
                    change.result.set_exception(_not_written(error) if known else error)
            else:
                for change, value in zip(changes, values, strict=True):
                    if change.afterwards:
                        change.afterwards(value)
                    change.result.set_result(value)

    def _next_changes(self) -> "list[_Change[Any]]":
        """Waits for changes. Returns an empty list when the store is closed."""
        changes = [self._changes.get()]
        try:
            while changes[-1] and len(changes) < MAX_CHANGES:
                changes.append(self._changes.get_nowait())
        except Empty:
            pass
        if changes[-1] is None and len(changes) > 1:
            self._changes.put(None)
        return [change for change in changes if change]


class _Change(Generic[Value]):
    def __init__(
        self,
        run: Callable[[sqlite3.Connection], Value],
        durable: bool,
        afterwards: Callable[[Value], None] | None,
    ) -> None:
        self.run = run
        self.durable = durable
        self.afterwards = afterwards
        self.result: Future[Value] = Future()
        # An accepted change is written even if its caller is cancelled.
        self.result.set_running_or_notify_cancel()


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


def _update(connection: sqlite3.Connection, statement: str, *values: object) -> bool:
    """Runs a change of one job, and returns whether it changed."""
    return connection.execute(statement, values).rowcount == 1


def _done(value: Value) -> "Future[Value]":
    future: Future[Value] = Future()
    future.set_result(value)
    return future


def _unusable(folder: Path, error: Exception) -> JobStoreError:
    return JobStoreError(
        f"The job store in {folder} cannot be used: {error}. Free some disk space, repair the "
        "folder, or set CLASSIFIER_CACHE to another one."
    )


def _not_written(error: Exception) -> JobStoreError:
    return JobStoreError(
        f"The job was not accepted because it cannot be written to disk ({error}). "
        "The disk may be full. Try again later."
    )
