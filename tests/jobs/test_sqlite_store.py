"""The job store in SQLite, on a real disk."""

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from classifier.errors import JobStoreError, JobStoreLockedError
from classifier.jobs.sqlite_store import SqliteJobStore
from tests.jobs.test_store import PREDICTION, job, unfinished
from tests.support.app_process import exit_code


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteJobStore]:
    """An open store."""
    opened = SqliteJobStore(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("SELECT number FROM jobs WHERE finished < 5 LIMIT 500", "ended"),
        ("SELECT id FROM jobs WHERE finished IS NULL ORDER BY number", "waiting"),
        ("SELECT id FROM jobs WHERE id = 'a'", "sqlite_autoindex_jobs_1"),
        ("SELECT id FROM jobs WHERE key = 'a'", "sqlite_autoindex_jobs_2"),
    ],
)
def test_every_query_uses_an_index(
    store: SqliteJobStore, tmp_path: Path, query: str, index: str
) -> None:
    with sqlite3.connect(tmp_path / "record.sqlite") as connection:
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
    connection.close()

    assert f"INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan


def test_a_full_disk_rejects_jobs_and_loses_none(store: SqliteJobStore) -> None:
    store.add(job("before")).result()
    pages = store._writing.execute("PRAGMA page_count").fetchone()[0]
    store._writing.execute(f"PRAGMA max_page_count = {pages}")
    long = replace(job("long"), image="x" * 100_000)
    with pytest.raises(JobStoreError, match=r"written to disk \(database or disk is full\)"):
        store.add(long).result()

    # A job that was accepted can end, because its row exists already.
    store.end("before", "finished", 1001.0, PREDICTION).result()
    store._writing.execute("PRAGMA max_page_count = 1000000")
    store.add(long).result()
    assert unfinished(store) == [long]


def test_a_second_server_is_rejected_until_the_first_ends(tmp_path: Path) -> None:
    first = SqliteJobStore(tmp_path)
    with pytest.raises(JobStoreLockedError, match=r"^Another server uses the job store"):
        SqliteJobStore(tmp_path)
    first.close()

    SqliteJobStore(tmp_path).close()


def test_a_store_that_cannot_be_opened_raises_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JobStoreError, match=r"cannot be used.*CLASSIFIER_CACHE"):
        SqliteJobStore(tmp_path / "file" / "folder")
    (tmp_path / "record.sqlite").write_text("This is no database. " * 100)
    with pytest.raises(JobStoreError, match=r"cannot be used: file is not a database"):
        SqliteJobStore(tmp_path)


def add_jobs_until_killed(folder: Path) -> None:
    """Adds jobs and starts them, and is then killed without any cleanup."""
    store = SqliteJobStore(folder)
    for number in range(50):
        store.add(job(str(number))).result()
        store.start(str(number)).result()
    os.kill(os.getpid(), signal.SIGKILL)


def test_jobs_survive_a_process_that_is_killed(tmp_path: Path) -> None:
    assert exit_code(add_jobs_until_killed, tmp_path) == -signal.SIGKILL

    store = SqliteJobStore(tmp_path)
    assert [(kept.id, kept.starts) for kept in unfinished(store)] == [
        (str(number), 1) for number in range(50)
    ]
    store.close()


def test_a_probe_writes(store: SqliteJobStore, tmp_path: Path) -> None:
    now = time.time()
    store.probe(now).result()

    with sqlite3.connect(tmp_path / "record.sqlite") as connection:
        assert connection.execute("SELECT time FROM probe").fetchall() == [(now,)]
    connection.close()
