"""The job store in PostgreSQL, which several servers share.

Each unfinished job has an owner: the server that runs it. A server keeps its jobs while it
renews its lease (`lease.py`). Others take the jobs of a server whose lease has run out, and
jobs without an owner. The first end of a job counts, whoever writes it.
"""

import secrets
import socket
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, TypeVar

import psycopg

from classifier.errors import ClassifierError, PictureError
from classifier.inference.prediction import Prediction
from classifier.jobs import postgres_schema
from classifier.jobs.database import OnChange, Taken
from classifier.jobs.files import MAX_TOTAL_BYTES, no_room
from classifier.jobs.job import Job, Status
from classifier.jobs.lease import LEASE_SECONDS, Lease
from classifier.jobs.postgres_connections import Connection, PostgresConnections
from classifier.jobs.postgres_schema import CHANNEL, EXPIRY_LOCK, ROOM_LOCK
from classifier.jobs.rows import COLUMNS, to_job, to_row, to_text

Value = TypeVar("Value")
CONNECTIONS = 8  # PostgreSQL writes commits that arrive together at once


class PostgresJobStore:
    """The jobs in a database: a `JobDatabase` that several servers can use."""

    def __init__(self, url: str) -> None:
        """Raises JobStoreAwayError if the database cannot be reached or used."""
        self.server = f"{socket.gethostname()}-{secrets.token_urlsafe(8)}"
        self._connections = PostgresConnections(url)
        self._lease = Lease(self.server, self._connections)
        try:
            with self._connections.connect() as connection:
                postgres_schema.create(connection)
                self._lease.renew(connection)
        except psycopg.Error as error:
            raise self._connections.explained(error) from error
        self._threads = ThreadPoolExecutor(CONNECTIONS, "job-store")

    def close(self, interrupted: Iterable[str] = ()) -> None:
        """Makes all changes that were requested, and lets other servers take all jobs.

        The starts of interrupted jobs are taken back.
        """
        ids = list(interrupted)

        def run(connection: Connection) -> None:
            with connection.transaction():
                connection.execute(
                    "UPDATE classifier_jobs SET owner = NULL, status = 'queued', "
                    "starts = starts - (status = 'started' AND id = ANY(%s))::int "
                    "WHERE owner = %s AND finished IS NULL",
                    (ids, self.server),
                )
                connection.execute("DELETE FROM classifier_servers WHERE id = %s", (self.server,))
                _notify(connection)

        def say_goodbye() -> None:
            # Without a goodbye, other servers take the jobs when the lease has run out.
            with suppress(ClassifierError):
                self._connections.run(run)

        self._threads.shutdown()
        self._lease.stop(say_goodbye)
        self._connections.close()

    def watch(self, on_change: OnChange) -> None:
        """Renews the lease from now on, and tells what other servers change."""
        self._lease.start(on_change)

    def take(self, known: Collection[str], room: int) -> "Future[Taken]":
        """Takes unfinished jobs without a living owner, the oldest first."""

        def run(connection: Connection) -> Taken:
            if room > 0:
                _take(connection, self.server, room, self._lease.can_judge())
            found = connection.execute(
                "SELECT id FROM classifier_jobs WHERE owner = %s AND finished IS NULL",
                (self.server,),
            )
            mine = {row[0] for row in found}
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM classifier_jobs WHERE id = ANY(%s) ORDER BY number",
                (list(mine.difference(known)),),
            )
            jobs = [to_job(row) for row in rows]
            return Taken([job for job in jobs if not job.finished], set(known) - mine)

        return self._run(run)

    def release(self, ids: Collection[str]) -> "Future[list[str]]":
        """Gives up jobs, so that other servers take them now."""

        def run(connection: Connection) -> list[str]:
            with connection.transaction():
                released = connection.execute(
                    "UPDATE classifier_jobs SET owner = NULL "
                    "WHERE id = ANY(%s) AND owner = %s AND finished IS NULL RETURNING id",
                    (list(ids), self.server),
                ).fetchall()
                _notify(connection)
            return [row[0] for row in released]

        return self._run(run)

    def add(
        self,
        job: Job,
        picture: BinaryIO | None = None,
        key: str | None = None,
        before: float = 0.0,
    ) -> "Future[Job]":
        """Adds a job with its picture, or returns the existing job with the idempotency key."""
        values = [*to_row(job), key and _storable(key), self.server]
        values = [_storable(value) if isinstance(value, str) else value for value in values]

        def insert(connection: Connection) -> bool:
            return _changed(
                connection,
                f"INSERT INTO classifier_jobs ({COLUMNS}, key, owner) "
                f"VALUES ({', '.join(['%s'] * len(values))}) ON CONFLICT (key) DO NOTHING",
                *values,
            )

        def insert_with_picture(connection: Connection, picture: BinaryIO) -> bool:
            _check_room(connection, job.upload_bytes)
            with connection.transaction():
                picture.seek(0)
                connection.execute(
                    "INSERT INTO classifier_pictures VALUES (%s, %s)", (job.id, picture.read())
                )
                # From here on, other servers add no picture until this one counts.
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (ROOM_LOCK,))
                _check_room(connection, job.upload_bytes)
                if insert(connection):
                    return True
                raise psycopg.Rollback
            return False

        def run(connection: Connection) -> Job:
            while True:
                if picture is None:
                    is_added = insert(connection)
                else:
                    is_added = insert_with_picture(connection, picture)
                if is_added:
                    return job
                existing = _find(connection, "WHERE key = %s", key or "")
                if existing and (existing.finished is None or existing.finished >= before):
                    return existing
                if existing:
                    connection.execute("DELETE FROM classifier_jobs WHERE id = %s", (existing.id,))

        return self._run(run)

    def picture(self, id: str) -> "Future[Path | bytes]":
        """Returns the content of a job's picture."""

        def run(connection: Connection) -> Path | bytes:
            found = connection.execute(
                "SELECT content FROM classifier_pictures WHERE id = %s", (id,), binary=True
            ).fetchone()
            if found is None:
                raise PictureError("The picture of this job does not exist any more.")
            content: bytes = found[0]
            return content

        return self._run(run)

    def start(self, id: str) -> "Future[bool]":
        """Counts a start of a job; the future returns whether this server may run it."""
        return self._run(
            lambda connection: _changed(
                connection,
                # A start may be lost in a crash of the database, so it need not wait for the disk.
                "UPDATE classifier_jobs SET status = 'started', starts = starts + 1 "
                "WHERE id = %s AND owner = %s AND finished IS NULL "
                "AND set_config('synchronous_commit', 'off', true) = 'off'",
                id,
                self.server,
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
        """Ends a job of any server, and tells its owner; returns whether this call ended it."""
        text = to_text(prediction)
        return self._run(
            lambda connection: _changed(
                connection,
                "WITH ended AS (UPDATE classifier_jobs SET status = %s, finished = %s, "
                "answer = %s, error = %s WHERE id = %s AND finished IS NULL "
                "RETURNING id, owner), "
                "deleted AS (DELETE FROM classifier_pictures WHERE id IN (SELECT id FROM ended)) "
                "SELECT CASE WHEN owner <> %s THEN pg_notify(%s, owner || ' ' || id) END "
                "FROM ended",
                status,
                finished,
                text,
                error and _storable(error),
                id,
                self.server,
                CHANNEL,
            )
        )

    def expire(self, before: float, kept: int, limit: int) -> "Future[int]":
        """Deletes ended jobs that are too old, unless another server is doing that."""

        def run(connection: Connection) -> int:
            with connection.transaction():
                lock = "SELECT pg_try_advisory_xact_lock(%s)"
                if connection.execute(lock, (EXPIRY_LOCK,)).fetchone() != (True,):
                    return 0
                old = connection.execute(
                    "DELETE FROM classifier_jobs WHERE number IN "
                    "(SELECT number FROM classifier_jobs WHERE finished < %s LIMIT %s)",
                    (before, limit),
                )
                excess = connection.execute(
                    "DELETE FROM classifier_jobs WHERE number IN "
                    "(SELECT number FROM classifier_jobs "
                    "WHERE number <= (SELECT MAX(number) FROM classifier_jobs) - %s "
                    "AND finished IS NOT NULL ORDER BY number LIMIT %s)",
                    (kept, limit),
                )
                return old.rowcount + excess.rowcount

        return self._run(run)

    def probe(self, time: float) -> "Future[None]":
        """Renews the lease of this server, which writes a row."""
        return self._run(self._lease.renew)

    def find(self, id: str) -> "Future[Job | None]":
        """Finds a job by its ID."""
        return self._run(lambda connection: _find(connection, "WHERE id = %s", id))

    def find_key(self, key: str) -> "Future[Job | None]":
        """Finds a job by its idempotency key."""
        return self._run(lambda connection: _find(connection, "WHERE key = %s", key))

    def statuses(self, ids: Collection[str]) -> "Future[dict[str, Status]]":
        """Returns the statuses of those of the jobs that exist."""

        def run(connection: Connection) -> dict[str, Status]:
            return dict(
                connection.execute(
                    "SELECT id, status FROM classifier_jobs WHERE id = ANY(%s)",
                    ([_storable(id) for id in ids],),
                ).fetchall()
            )

        return self._run(run)

    def _run(self, work: Callable[[Connection], Value]) -> "Future[Value]":
        return self._threads.submit(self._connections.run, work)


def _take(connection: Connection, server: str, room: int, can_judge: bool) -> None:
    """Makes jobs without a living owner those of a server.

    When the database starts, all leases have run out, so servers have time to renew them first.
    """
    connection.execute(
        "UPDATE classifier_jobs SET owner = %(server)s, status = 'queued' WHERE number IN ("
        "SELECT number FROM classifier_jobs WHERE finished IS NULL AND (owner IS NULL OR "
        "%(can_judge)s AND pg_postmaster_start_time() < clock_timestamp() - %(lease)s AND "
        "NOT EXISTS (SELECT FROM classifier_servers "
        "WHERE id = owner AND seen > clock_timestamp() - %(lease)s)) "
        "ORDER BY number LIMIT %(room)s FOR UPDATE SKIP LOCKED)",
        {
            "server": server,
            "can_judge": can_judge,
            "lease": timedelta(seconds=LEASE_SECONDS),
            "room": room,
        },
    )


def _check_room(connection: Connection, size: int) -> None:
    """Raises NoRoomError if there are too many pictures already."""
    total = connection.execute(
        "SELECT coalesce(sum(uploaded), 0) FROM classifier_jobs "
        "WHERE finished IS NULL AND uploaded > 0"
    ).fetchone()
    if total and int(total[0]) + size > MAX_TOTAL_BYTES:
        raise no_room()


def _find(connection: Connection, condition: str, value: str) -> Job | None:
    found = connection.execute(
        f"SELECT {COLUMNS} FROM classifier_jobs {condition}", (_storable(value),)
    ).fetchone()
    return to_job(found) if found else None


def _changed(connection: Connection, statement: str, *values: object) -> bool:
    """Runs a change of one job, and returns whether it changed."""
    return connection.execute(statement, values).rowcount == 1


def _notify(connection: Connection) -> None:
    """Tells all servers that there are jobs to take."""
    connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))


def _storable(text: str) -> str:
    """Replaces what PostgreSQL cannot store in a text."""
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")
