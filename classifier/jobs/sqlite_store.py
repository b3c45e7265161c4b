"""The job store in SQLite: one file that survives restarts of the server.

A single thread writes. Changes that arrive together are committed together, so many jobs
share the time until the disk has confirmed a commit.
"""

import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

from filelock import FileLock, Timeout

from classifier.errors import JobStoreError, JobStoreLockedError
from classifier.inference.prediction import LabelProbability, Prediction
from classifier.jobs.job import Job, Status

Value = TypeVar("Value")

# The names of files and columns stay as they are, so that jobs survive an upgrade.
FILE = "record.sqlite"
LOCK = "record.lock"
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
COLUMNS = "id, question, model, image, uploaded, status, starts, created, finished, answer, error"
MAX_CHANGES = 200  # in one commit


class SqliteJobStore:
    """The jobs in a folder. Only one server can use it at a time.

    Methods that change something return a future immediately. The future is done when the
    change is on the disk, and raises sqlite3.Error if it could not be written.
    """

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
        except sqlite3.Error as error:
            self._lock.release()
            raise _unusable(folder, error) from error
        self._changes: SimpleQueue[_Change[Any] | None] = SimpleQueue()
        self._writer = Thread(target=self._write, name="job-store-writer", daemon=True)
        self._writer.start()
        self._reader = ThreadPoolExecutor(1, "job-store-reader")

    def close(self) -> None:
        """Closes the store after all pending changes are written."""
        self._changes.put(None)
        self._writer.join()
        self._reader.shutdown()
        self._reading.close()
        self._writing.close()
        self._lock.release()

    def add(self, job: Job, key: str | None = None, before: float = 0.0) -> "Future[Job]":
        """Adds a job, or returns the existing job with the same idempotency key.

        An existing job that finished before the time `before` is replaced.
        """

        def run(connection: sqlite3.Connection) -> Job:
            if key is not None:
                _run(connection, "DELETE FROM jobs WHERE key = ? AND finished < ?", key, before)
            values = (*_row(job), key)
            added = connection.execute(
                f"INSERT INTO jobs ({COLUMNS}, key) VALUES ({', '.join('?' * len(values))}) "
                "ON CONFLICT (key) DO NOTHING",
                values,
            )
            if added.rowcount:
                return job
            found = connection.execute(f"SELECT {COLUMNS} FROM jobs WHERE key = ?", (key,))
            return _job(found.fetchone())

        return self._change(run)

    def start(self, id: str) -> "Future[None]":
        """Counts a start of a job.

        The count survives a crash of this process immediately, and a power failure after a
        short time.
        """
        return self._change(
            lambda connection: _run(
                connection,
                "UPDATE jobs SET status = 'started', starts = starts + 1 "
                "WHERE id = ? AND finished IS NULL",
                id,
            ),
            durable=False,
        )

    def undo_start(self, id: str) -> "Future[None]":
        """Takes back a start: the server stopped, and the job did not cause that."""
        return self._change(
            lambda connection: _run(
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
        text = json.dumps(asdict(prediction)) if prediction else None
        return self._change(
            lambda connection: (
                connection.execute(
                    "UPDATE jobs SET status = ?, finished = ?, answer = ?, error = ? "
                    "WHERE id = ? AND finished IS NULL",
                    (status, finished, text, error, id),
                ).rowcount
                == 1
            )
        )

    def expire(self, before: float, kept: int, limit: int) -> "Future[int]":
        """Deletes ended jobs that are too old; returns how many, roughly `limit` at most.

        Too old are jobs that finished before the time `before`, and jobs that are not among
        the `kept` newest ones.
        """

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
        return self._change(
            lambda connection: _run(connection, "INSERT OR REPLACE INTO probe VALUES (1, ?)", time)
        )

    def find(self, id: str) -> "Future[Job | None]":
        """Finds a job by its ID."""
        return self._reader.submit(self._find, "WHERE id = ?", id)

    def find_key(self, key: str) -> "Future[Job | None]":
        """Finds a job by its idempotency key."""
        return self._reader.submit(self._find, "WHERE key = ?", key)

    def unfinished(self) -> list[Job]:
        """Returns the jobs that have not ended, oldest first."""
        found = self._writing.execute(
            f"SELECT {COLUMNS} FROM jobs WHERE finished IS NULL ORDER BY number"
        )
        return [_job(row) for row in found]

    def _find(self, condition: str, value: str) -> Job | None:
        found = self._reading.execute(f"SELECT {COLUMNS} FROM jobs {condition}", (value,))
        row = found.fetchone()
        return row and _job(row)

    def _change(
        self, run: Callable[[sqlite3.Connection], Value], durable: bool = True
    ) -> "Future[Value]":
        change = _Change(run, durable)
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
                    change.result.set_exception(error)
            else:
                for change, value in zip(changes, values, strict=True):
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
    def __init__(self, run: Callable[[sqlite3.Connection], Value], durable: bool) -> None:
        self.run = run
        self.durable = durable
        self.result: Future[Value] = Future()
        # An accepted change is written even if its caller is cancelled.
        self.result.set_running_or_notify_cancel()


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


def _run(connection: sqlite3.Connection, statement: str, *values: object) -> None:
    connection.execute(statement, values)


def _row(job: Job) -> tuple[object, ...]:
    prediction = json.dumps(asdict(job.prediction)) if job.prediction else None
    return (
        job.id,
        job.request,
        job.model,
        job.image,
        job.upload_bytes,
        job.status,
        job.starts,
        job.created,
        job.finished,
        prediction,
        job.error,
    )


def _job(row: tuple[Any, ...]) -> Job:
    id, request, model, image, upload_bytes, status, starts, created, finished, text, error = row
    prediction = None
    if text:
        facts = json.loads(text)
        labels = tuple(LabelProbability(**label) for label in facts.pop("predictions"))
        prediction = Prediction(predictions=labels, **facts)
    return Job(
        id=id,
        request=request,
        model=model,
        image=image,
        upload_bytes=upload_bytes,
        created=created,
        status=status,
        starts=starts,
        finished=finished,
        prediction=prediction,
        error=error,
    )


def _unusable(folder: Path, error: Exception) -> JobStoreError:
    return JobStoreError(
        f"The job store in {folder} cannot be used: {error}. Free some disk space, repair the "
        "folder, or set CLASSIFIER_CACHE to another one."
    )
