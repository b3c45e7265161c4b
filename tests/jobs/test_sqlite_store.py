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
from classifier.inference.prediction import LabelProbability, Prediction
from classifier.jobs.job import Job
from classifier.jobs.sqlite_store import SqliteJobStore
from tests.support.app_process import exit_code

PREDICTION = Prediction(
    "tiny",
    "a.jpg",
    (LabelProbability("teapot", 0.75), LabelProbability("vase", 0.125)),
    0.01,
    "cpu",
)


def job(id: str, request: str = "tiny/a.jpg") -> Job:
    return Job(id, request, "tiny", "a.jpg", upload_bytes=0, created=1000.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteJobStore]:
    """An open store."""
    opened = SqliteJobStore(tmp_path)
    yield opened
    opened.close()


def test_jobs_are_kept_when_the_store_is_opened_again(tmp_path: Path) -> None:
    first = SqliteJobStore(tmp_path)
    first.add(job("waiting")).result()
    first.add(job("done")).result()
    first.start("done").result()
    first.end("done", "finished", 1002.5, PREDICTION).result()
    first.close()

    second = SqliteJobStore(tmp_path)
    assert second.unfinished() == [job("waiting")]
    assert second.find("done").result() == replace(
        job("done"), status="finished", starts=1, finished=1002.5, prediction=PREDICTION
    )
    assert second.find("never").result() is None
    second.close()


def test_unfinished_jobs_are_returned_in_the_order_of_their_arrival(store: SqliteJobStore) -> None:
    names = [f"{number * 7 % 10}" for number in range(10)]
    for name in names:
        store.add(job(name)).result()
    store.start(names[4]).result()
    store.end(names[2], "canceled", 1001.0).result()

    waiting = store.unfinished()
    assert [kept.id for kept in waiting] == names[:2] + names[3:]
    assert waiting[3] == replace(job(names[4]), status="started", starts=1)


def test_a_job_ends_only_once(store: SqliteJobStore) -> None:
    store.add(job("one")).result()
    store.end("one", "canceled", 1001.0).result()
    store.end("one", "finished", 1002.0, PREDICTION).result()
    store.start("one").result()

    assert store.find("one").result() == replace(job("one"), status="canceled", finished=1001.0)


def test_a_repeated_idempotency_key_returns_the_first_job(store: SqliteJobStore) -> None:
    assert store.add(job("first"), "key").result() == job("first")
    # Callers compare the requests of the two jobs.
    assert store.add(job("second", "tiny/b.jpg"), "key").result() == job("first")

    assert store.find("second").result() is None
    assert store.find_key("key").result() == job("first")
    assert store.find_key("other").result() is None


def test_all_of_many_simultaneous_changes_are_written(store: SqliteJobStore) -> None:
    futures = [store.add(job(f"{number}")) for number in range(1000)]

    assert [future.result().id for future in futures] == [f"{number}" for number in range(1000)]
    assert len(store.unfinished()) == 1000


def test_a_start_can_be_taken_back(store: SqliteJobStore) -> None:
    store.add(job("one")).result()
    store.start("one").result()
    store.start("one").result()
    store.undo_start("one").result()

    assert store.unfinished() == [replace(job("one"), starts=1)]


def test_only_jobs_that_ended_before_a_time_expire(store: SqliteJobStore) -> None:
    for number in range(20):
        store.add(job(f"{number}")).result()
    for number in range(15):
        store.end(f"{number}", "finished", 1000.0 + number, PREDICTION).result()

    assert store.expire(1010.0, 20, 4).result() == 4
    assert store.expire(1010.0, 20, 100).result() == 6
    assert store.expire(1010.0, 20, 100).result() == 0
    left = [number for number in range(20) if store.find(f"{number}").result()]
    assert left == list(range(10, 20))


def test_of_too_many_jobs_only_ended_ones_are_deleted(store: SqliteJobStore) -> None:
    for number in range(20):
        store.add(job(f"{number}")).result()
    for number in range(4, 20):
        store.end(f"{number}", "finished", 1000.0, PREDICTION).result()

    assert store.expire(0.0, 10, 4).result() == 4
    assert store.expire(0.0, 10, 100).result() == 2
    left = [number for number in range(20) if store.find(f"{number}").result()]
    assert left == [*range(4), *range(10, 20)]


def test_an_idempotency_key_can_be_used_again_after_its_job_has_expired(
    store: SqliteJobStore,
) -> None:
    store.add(job("one"), "key").result()
    store.end("one", "finished", 1000.0, PREDICTION).result()

    assert store.add(job("two"), "key", before=1000.0).result().id == "one"
    assert store.add(job("two"), "key", before=1000.1).result().id == "two"
    assert store.find("one").result() is None


def test_only_the_call_that_ends_a_job_returns_true(store: SqliteJobStore) -> None:
    store.add(job("one")).result()

    assert store.end("one", "canceled", 1000.0).result()
    assert not store.end("one", "finished", 1001.0, PREDICTION).result()
    assert store.find("one").result() == replace(job("one"), status="canceled", finished=1000.0)


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
    with pytest.raises(sqlite3.OperationalError, match="full"):
        store.add(long).result()

    # A job that was accepted can end, because its row exists already.
    store.end("before", "finished", 1001.0, PREDICTION).result()
    store._writing.execute("PRAGMA max_page_count = 1000000")
    store.add(long).result()
    assert store.unfinished() == [long]


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
    assert [(kept.id, kept.starts) for kept in store.unfinished()] == [
        (str(number), 1) for number in range(50)
    ]
    store.close()


def test_a_probe_writes(store: SqliteJobStore, tmp_path: Path) -> None:
    now = time.time()
    store.probe(now).result()

    with sqlite3.connect(tmp_path / "record.sqlite") as connection:
        assert connection.execute("SELECT time FROM probe").fetchall() == [(now,)]
    connection.close()
