"""A real PostgreSQL server on a free port, with a database for each test."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from tests.support.server import free_port

USER = "classifier"
PASSWORD = "s3cret/w:th@signs"
SECONDS = 60


@dataclass
class Postgres:
    """A server of databases that can be stopped and started."""

    folder: Path
    port: int
    programs: Path
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        """Returns the address of a database."""
        return f"postgresql://{USER}:{quote(password, '')}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Creates an empty database and returns its address."""
        name = f"test_{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def connect(self, url: str = "") -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(url or self.url(), autocommit=True)

    def start(self) -> None:
        """Starts the server and waits until it accepts connections."""
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} "
        options += "-c unix_socket_directories= -c log_min_messages=warning"
        log = self.folder / "log.txt"
        self._run("pg_ctl", "-D", self._data, "-l", log, "-o", options, "-w", "start")

    def stop(self) -> None:
        """Stops the server at once, like a crash."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")

    def create(self) -> None:
        """Creates the files of the server."""
        password = self.folder / "password.txt"
        password.write_text(PASSWORD)
        shutil.chown(password, *_owner())
        self._run(
            "initdb", "-D", self._data, "-U", USER, "--auth=scram-sha-256",
            f"--pwfile={password}", "--encoding=UTF8", "--locale=C",
        )  # fmt: skip

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _run(self, program: str, *arguments: object) -> None:
        command = [*_as_owner(), str(self.programs / program), *map(str, arguments)]
        # The server inherits these files, so pipes would never end.
        with tempfile.TemporaryFile() as output:
            try:
                subprocess.run(
                    command, check=True, cwd="/", stdout=output, stderr=output, timeout=SECONDS
                )
            except subprocess.SubprocessError as error:
                output.seek(0)
                raise RuntimeError(f"{error}: {output.read().decode()}") from error


def _as_owner() -> list[str]:
    """Returns the beginning of a command: PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []


def _owner() -> tuple[str | int, str | int]:
    return ("postgres", "postgres") if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def _programs() -> Path:
    """Returns the folder of PostgreSQL's programs, of the newest installed version."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if not found and (path := shutil.which("initdb")):
        found = [Path(path).parent]
    if not found:
        pytest.fail("PostgreSQL is not installed; run apt-get install postgresql.")
    return max(found, key=lambda folder: (len(str(folder)), str(folder)))


@contextmanager
def serving() -> Iterator[Postgres]:
    """Starts a server of its own, next to any other one on this machine."""
    programs = _programs()
    # pytest's own folders are closed for other users.
    with tempfile.TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        shutil.chown(folder, *_owner())
        server = Postgres(Path(folder), free_port(), programs)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server of databases. Tests that stop it start it again."""
    with serving() as server:
        yield server
