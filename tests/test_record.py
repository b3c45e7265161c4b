"""The record of jobs on a real disk."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from classifier.errors import RecordError, RecordHeldError
from classifier.predict import Guess, Prediction
from classifier.record import Job, Record
from tests.serving import PROJECT

ANSWER = Prediction("tiny", "a.jpg", (Guess("teapot", 0.75), Guess("vase", 0.125)), 0.01, "cpu")


def job(id: str, question: str = "tiny/a.jpg") -> Job:
    return Job(id, question, "tiny", "a.jpg", uploaded=0, created=1000.0)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    opened = Record(tmp_path)
    yield opened
    opened.close()


def test_a_job_is_there_when_the_record_is_opened_again(tmp_path: Path) -> None:
    first = Record(tmp_path)
    first.add(job("waiting")).result()
    first.add(job("done")).result()
    first.start("done").result()
    first.end("done", "finished", 1002.5, ANSWER).result()
    first.close()

    second = Record(tmp_path)
    assert second.unfinished() == [job("waiting")]
    assert second.find("done").result() == replace(
        job("done"), status="finished", starts=1, finished=1002.5, answer=ANSWER
    )
    assert second.find("never").result() is None
    second.close()


def test_jobs_that_have_not_ended_are_told_in_the_order_they_came(record: Record) -> None:
    names = [f"{number * 7 % 10}" for number in range(10)]
    for name in names:
        record.add(job(name)).result()
    record.start(names[4]).result()
    record.end(names[2], "canceled", 1001.0).result()

    waiting = record.unfinished()
    assert [kept.id for kept in waiting] == names[:2] + names[3:]
    assert waiting[3] == replace(job(names[4]), status="started", starts=1)


def test_a_job_ends_only_once(record: Record) -> None:
    record.add(job("one")).result()
    record.end("one", "canceled", 1001.0).result()
    record.end("one", "finished", 1002.0, ANSWER).result()
    record.start("one").result()

    assert record.find("one").result() == replace(job("one"), status="canceled", finished=1001.0)


def test_the_same_key_gives_the_first_job(record: Record) -> None:
    assert record.add(job("first"), "key").result() == job("first")
    # Whoever looks sees what it asked, and can tell whether it is the same.
    assert record.add(job("second", "tiny/b.jpg"), "key").result() == job("first")

    assert record.find("second").result() is None
    assert record.find_key("key").result() == job("first")
    assert record.find_key("other").result() is None


def test_many_changes_at_once_are_all_made(record: Record) -> None:
    futures = [record.add(job(f"{number}")) for number in range(1000)]

    assert [future.result().id for future in futures] == [f"{number}" for number in range(1000)]
    assert len(record.unfinished()) == 1000


def test_a_start_that_was_not_the_jobs_fault_is_taken_back(record: Record) -> None:
    record.add(job("one")).result()
    record.start("one").result()
    record.start("one").result()
    record.wait_again("one").result()

    assert record.unfinished() == [replace(job("one"), starts=1)]


def test_expiry_forgets_what_ended_before_and_nothing_else(record: Record) -> None:
    for number in range(20):
        record.add(job(f"{number}")).result()
    for number in range(15):
        record.end(f"{number}", "finished", 1000.0 + number, ANSWER).result()

    assert record.expire(1010.0, 20, 4).result() == 4
    assert record.expire(1010.0, 20, 100).result() == 6
    assert record.expire(1010.0, 20, 100).result() == 0
    left = [number for number in range(20) if record.find(f"{number}").result()]
    assert left == list(range(10, 20))


def test_of_too_many_those_that_ended_go_and_those_that_wait_stay(record: Record) -> None:
    for number in range(20):
        record.add(job(f"{number}")).result()
    for number in range(4, 20):
        record.end(f"{number}", "finished", 1000.0, ANSWER).result()

    assert record.expire(0.0, 10, 4).result() == 4
    assert record.expire(0.0, 10, 100).result() == 2
    left = [number for number in range(20) if record.find(f"{number}").result()]
    assert left == [*range(4), *range(10, 20)]


def test_a_key_is_free_again_when_its_job_has_expired(record: Record) -> None:
    record.add(job("one"), "key").result()
    record.end("one", "finished", 1000.0, ANSWER).result()

    assert record.add(job("two"), "key", before=1000.0).result().id == "one"
    assert record.add(job("two"), "key", before=1000.1).result().id == "two"
    assert record.find("one").result() is None


def test_a_job_ends_once_and_whoever_ended_it_is_told(record: Record) -> None:
    record.add(job("one")).result()

    assert record.end("one", "canceled", 1000.0).result()
    assert not record.end("one", "finished", 1001.0, ANSWER).result()
    assert record.find("one").result() == replace(job("one"), status="canceled", finished=1000.0)


@pytest.mark.parametrize(
    ("question", "index"),
    [
        ("SELECT number FROM jobs WHERE finished < 5 LIMIT 500", "ended"),
        ("SELECT id FROM jobs WHERE finished IS NULL ORDER BY number", "waiting"),
        ("SELECT id FROM jobs WHERE id = 'a'", "sqlite_autoindex_jobs_1"),
        ("SELECT id FROM jobs WHERE key = 'a'", "sqlite_autoindex_jobs_2"),
    ],
)
def test_no_question_reads_through_all_jobs(
    record: Record, tmp_path: Path, question: str, index: str
) -> None:
    with sqlite3.connect(tmp_path / "record.sqlite") as connection:
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}"))
    connection.close()

    assert f"INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan


def test_a_full_disk_takes_nothing_and_loses_nothing(record: Record) -> None:
    record.add(job("before")).result()
    pages = record._writing.execute("PRAGMA page_count").fetchone()[0]
    record._writing.execute(f"PRAGMA max_page_count = {pages}")
    long = replace(job("long"), image="x" * 100_000)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        record.add(long).result()

    # What was accepted can end: its row has a place.
    record.end("before", "finished", 1001.0, ANSWER).result()
    record._writing.execute("PRAGMA max_page_count = 1000000")
    record.add(long).result()
    assert record.unfinished() == [long]


def test_a_second_server_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    first = Record(tmp_path)
    with pytest.raises(RecordHeldError, match=r"^Another server keeps the record of jobs"):
        Record(tmp_path)
    first.close()

    Record(tmp_path).close()


def test_a_record_that_cannot_be_had_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match=r"cannot be used.*CLASSIFIER_CACHE"):
        Record(tmp_path / "file" / "folder")
    (tmp_path / "record.sqlite").write_text("This is no database. " * 100)
    with pytest.raises(RecordError, match=r"cannot be used: file is not a database"):
        Record(tmp_path)


def test_what_was_written_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from classifier.record import Record
from tests.test_record import job
record = Record(Path({str(tmp_path)!r}))
for number in range(50):
    record.add(job(str(number))).result()
    record.start(str(number)).result()
    print(number, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert done.stdout.split()[-1] == "49", done.stderr

    record = Record(tmp_path)
    assert [(kept.id, kept.starts) for kept in record.unfinished()] == [
        (str(number), 1) for number in range(50)
    ]
    record.close()


def test_a_probe_writes(record: Record, tmp_path: Path) -> None:
    now = time.time()
    record.probe(now).result()

    with sqlite3.connect(tmp_path / "record.sqlite") as connection:
        assert connection.execute("SELECT time FROM probe").fetchall() == [(now,)]
    connection.close()
