"""Connections to PostgreSQL: one for each thread, with the errors that people see."""

import logging
from collections.abc import Callable
from threading import Lock, local
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from classifier.errors import JobStoreAwayError, SettingError
from classifier.settings import POSTGRES_URL, without_secrets

log = logging.getLogger(__name__)

Connection = psycopg.Connection[tuple[Any, ...]]
Value = TypeVar("Value")
RETRY_SECONDS = 5  # what clients are told
# Notice within seconds that the machine of the database is gone. The URL can change these.
OPTIONS = {
    "application_name": "image-classifier",
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class PostgresConnections:
    """Lends each thread a connection of its own, and replaces it when it is broken.

    While the database is away, as `set_problem` says, all calls fail immediately: waiting
    clients would otherwise occupy the threads.
    """

    def __init__(self, url: str) -> None:
        """Raises SettingError if the URL cannot be parsed."""
        self._parts: dict[str, Any] = {**OPTIONS, **parse(url)}
        self._of_thread = local()
        self._opened: list[Connection] = []
        self._lock = Lock()
        self._problem: JobStoreAwayError | None = None
        self._outages = 0

    def connect(self) -> Connection:
        """Opens a connection that belongs to the caller. Raises psycopg.Error."""
        return psycopg.connect(**self._parts, autocommit=True)

    def run(self, work: Callable[[Connection], Value]) -> Value:
        """Calls `work` with the connection of this thread. Raises JobStoreAwayError."""
        if self._problem:
            raise self._problem.with_traceback(None)
        try:
            return work(self._connection())
        except psycopg.Error as error:
            raise self.explained(error) from error

    def explained(self, error: psycopg.Error) -> JobStoreAwayError:
        """Returns the error for people, without a password."""
        reason = " ".join(str(error).split()) or type(error).__name__
        password = self._parts.get("password")
        if password:
            reason = reason.replace(str(password), "…")
        return JobStoreAwayError(
            f"The database of CLASSIFIER_JOBS_URL cannot be used: {reason.rstrip('.')}.",
            RETRY_SECONDS,
        )

    def set_problem(self, problem: JobStoreAwayError | None) -> None:
        """Says why the database is away, or that it is back."""
        if problem and not self._problem:
            log.warning("%s", problem)
            self._outages += 1
        elif self._problem and not problem:
            log.warning("The database of CLASSIFIER_JOBS_URL can be used again.")
        self._problem = problem

    def close(self) -> None:
        """Closes the connections of all threads. Call it when the threads have ended."""
        with self._lock:
            for connection in self._opened:
                connection.close()

    def _connection(self) -> Connection:
        mine: Connection | None = getattr(self._of_thread, "connection", None)
        # After an outage, a connection may be broken without knowing it yet.
        if mine and not mine.closed and self._of_thread.outages == self._outages:
            return mine
        outages = self._outages
        connection = self.connect()
        with self._lock:
            if mine:
                mine.close()
                self._opened.remove(mine)
            self._opened.append(connection)
        self._of_thread.connection, self._of_thread.outages = connection, outages
        return connection


def parse(url: str) -> dict[str, Any]:
    """Returns the parts of a URL. Raises SettingError, without the password, if it is wrong."""
    try:
        parts = conninfo_to_dict(url)
        for port in str(parts.get("port") or "0").split(","):
            int(port or "0")
    except (psycopg.Error, ValueError):
        expected = f"an address like {POSTGRES_URL}, with % codes for /, @ and : in the password"
        raise SettingError("CLASSIFIER_JOBS_URL", without_secrets(url), expected) from None
    return parts
