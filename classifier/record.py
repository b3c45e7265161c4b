"""The record of jobs: one SQLite file that outlives the server.

One thread writes. Changes that come together are committed together, so that many jobs
share what one costs: the wait until the disk has it.
"""

import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, Literal, TypeVar

from filelock import FileLock, Timeout

from classifier.errors import RecordError, RecordHeldError
from classifier.predict import Guess, Prediction

Value = TypeVar("Value")
Status = Literal["queued", "started", "finished", "failed", "canceled"]

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
AT_ONCE = 200  # changes in one commit


@dataclass(frozen=True)
class Job:
    """A question and what became of it; times in seconds since 1970.

    `question` tells whether two jobs ask the same. `uploaded` is the size of the picture in
    bytes, 0 for one of the gallery. `starts` is how often it was begun.
    """

    id: str
    question: str
    model: str
    image: str
    uploaded: int
    created: float
    status: Status = "queued"
    starts: int = 0
    finished: float | None = None
    answer: Prediction | None = None
    error: str | None = None


class Record:
    """Jobs in a folder, for one server at a time.

    Each method that changes something returns at once; its future is done when the change
    is on the disk, and raises sqlite3.Error if it could not be written.
    """

    def __init__(self, folder: Path) -> None:
        """Raises RecordHeldError if another server has it, RecordError if it cannot be had."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Whichever thread closes it.
            self._lock = FileLock(folder / "record.lock", thread_local=False)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise RecordHeldError(
                f"Another server keeps the record of jobs in {folder}; stop it, or name "
                "another folder in CLASSIFIER_CACHE."
            ) from None
        except OSError as error:
            raise _unusable(folder, error) from error
        try:
            self._writing = _connect(folder / "record.sqlite")
            self._writing.executescript(SCHEMA)
            self._reading = _connect(folder / "record.sqlite")
        except sqlite3.Error as error:
            self._lock.release()
            raise _unusable(folder, error) from error
        self._changes: SimpleQueue[_Change[Any] | None] = SimpleQueue()
        self._writer = Thread(target=self._write, name="record", daemon=True)
        self._writer.start()
        self._reader = ThreadPoolExecutor(1, "record-reader")

    def close(self) -> None:
        """Ends when all changes so far are written."""
        self._changes.put(None)
        self._writer.join()
        self._reader.shutdown()
        self._reading.close()
        self._writing.close()
        self._lock.release()

    def add(self, job: Job, key: str | None = None, before: float = 0.0) -> "Future[Job]":
        """Takes a job in; if there is one with that key, gives that one instead.

        Unless that one ended before a time: then it is forgotten.
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
        """Counts a start. It outlives this process at once, a loss of power a little later."""
        return self._change(
            lambda connection: _run(
                connection,
                "UPDATE jobs SET status = 'started', starts = starts + 1 "
                "WHERE id = ? AND finished IS NULL",
                id,
            ),
            durable=False,
        )

    def wait_again(self, id: str) -> "Future[None]":
        """Takes a start back: it was the server that stopped, through no fault of the job."""
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
        answer: Prediction | None = None,
        error: str | None = None,
    ) -> "Future[bool]":
        """Ends a job, unless it has ended; whether it was this that ended it."""
        text = json.dumps(asdict(answer)) if answer else None
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

    def expire(self, before: float, kept: int, most: int) -> "Future[int]":
        """Forgets some of the jobs that ended; how many it forgot, up to about `most`.

        Those that ended before a time, and those that came before the last `kept`.
        """

        def run(connection: sqlite3.Connection) -> int:
            old = connection.execute(
                "DELETE FROM jobs WHERE number IN "
                "(SELECT number FROM jobs WHERE finished < ? LIMIT ?)",
                (before, most),
            )
            early = connection.execute(
                "DELETE FROM jobs WHERE number IN "
                "(SELECT number FROM jobs WHERE number <= (SELECT MAX(number) FROM jobs) - ? "
                "AND finished IS NOT NULL ORDER BY number LIMIT ?)",
                (kept, most),
            )
            return old.rowcount + early.rowcount

        return self._change(run, durable=False)

    def probe(self, time: float) -> "Future[None]":
        """Writes a few bytes, to see that the disk takes them."""
        return self._change(
            lambda connection: _run(connection, "INSERT OR REPLACE INTO probe VALUES (1, ?)", time)
        )

    def find(self, id: str) -> "Future[Job | None]":
        """The job of a ticket, if there is one."""
        return self._reader.submit(self._find, "WHERE id = ?", id)

    def find_key(self, key: str) -> "Future[Job | None]":
        """The job that was put with an idempotency key, if there is one."""
        return self._reader.submit(self._find, "WHERE key = ?", key)

    def unfinished(self) -> list[Job]:
        """The jobs that have not ended, the oldest first."""
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
        while changes := self._next():
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

    def _next(self) -> "list[_Change[Any]]":
        """Waits for changes; none when the record is closed."""
        changes = [self._changes.get()]
        try:
            while changes[-1] and len(changes) < AT_ONCE:
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
        # Whoever asked for it may be gone, but a change that was accepted is made.
        self.result.set_running_or_notify_cancel()


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    return connection


def _run(connection: sqlite3.Connection, statement: str, *values: object) -> None:
    connection.execute(statement, values)


def _row(job: Job) -> tuple[object, ...]:
    answer = json.dumps(asdict(job.answer)) if job.answer else None
    return (
        job.id,
        job.question,
        job.model,
        job.image,
        job.uploaded,
        job.status,
        job.starts,
        job.created,
        job.finished,
        answer,
        job.error,
    )


def _job(row: tuple[Any, ...]) -> Job:
    id, question, model, image, uploaded, status, starts, created, finished, text, error = row
    answer = None
    if text:
        facts = json.loads(text)
        guesses = tuple(Guess(**guess) for guess in facts.pop("predictions"))
        answer = Prediction(predictions=guesses, **facts)
    return Job(
        id, question, model, image, uploaded, created, status, starts, finished, answer, error
    )


def _unusable(folder: Path, error: Exception) -> RecordError:
    return RecordError(
        f"The record of jobs in {folder} cannot be used: {error}. Free some space, mend the "
        "folder, or name another one in CLASSIFIER_CACHE."
    )
