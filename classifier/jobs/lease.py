"""The lease of a server on its jobs: it lives as long as its heartbeats reach the database."""

import time
from collections.abc import Callable
from threading import Event, Thread

import psycopg

from classifier.jobs.database import OnChange
from classifier.jobs.postgres_connections import Connection, PostgresConnections
from classifier.jobs.postgres_schema import CHANNEL

BEAT_SECONDS = 2.0
LEASE_SECONDS = 10.0
RECONNECT_SECONDS = 0.5


class Lease:
    """Renews the lease of a server in a thread, which also receives the other servers' notices.

    The thread is not the event loop, so that a busy server keeps its jobs.
    """

    def __init__(self, server: str, connections: PostgresConnections) -> None:
        self._server = server
        self._connections = connections
        self._on_change: OnChange = lambda id: None
        self._stopping = Event()
        self._last_beat = time.monotonic()
        self._in_touch_since = -LEASE_SECONDS
        self._thread = Thread(target=self._keep, name="job-lease", daemon=True)

    def start(self, on_change: OnChange) -> None:
        """Starts the thread. It calls `on_change` as `JobDatabase.watch` describes."""
        self._on_change = on_change
        self._thread.start()

    def stop(self, wake: Callable[[], None]) -> None:
        """Stops the thread; `wake` sends it a notice."""
        self._stopping.set()
        wake()
        if self._thread.ident:
            self._thread.join(BEAT_SECONDS * 2)

    def renew(self, connection: Connection) -> None:
        """Renews the lease by the clock of the database."""
        connection.execute(
            "INSERT INTO classifier_servers VALUES (%s, clock_timestamp()) "
            "ON CONFLICT (id) DO UPDATE SET seen = excluded.seen",
            (self._server,),
        )
        now = time.monotonic()
        if now - self._last_beat > LEASE_SECONDS / 2:
            self._in_touch_since = now
        self._last_beat = now

    def can_judge(self) -> bool:
        """Whether this server can tell that another one is dead.

        After an outage of the database, all leases have run out, and the other servers need
        time to renew theirs.
        """
        return time.monotonic() - self._in_touch_since >= LEASE_SECONDS

    def _keep(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._connections.connect() as connection:
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._beat(connection)
            except psycopg.Error as error:
                self._connections.set_problem(self._connections.explained(error))
                self._stopping.wait(RECONNECT_SECONDS)

    def _beat(self, connection: Connection) -> None:
        while not self._stopping.is_set():
            self.renew(connection)
            self._connections.set_problem(None)
            self._on_change(None)  # also makes up for notices that were missed
            end = time.monotonic() + BEAT_SECONDS
            while (seconds := end - time.monotonic()) > 0 and not self._stopping.is_set():
                for notice in connection.notifies(timeout=seconds, stop_after=1):
                    server, _, id = notice.payload.partition(" ")
                    if server in ("", self._server):
                        self._on_change(id or None)
