"""What all job stores do, in SQLite and in PostgreSQL."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from classifier.errors import NoRoomError, PictureError
from classifier.inference.prediction import LabelProbability, Prediction
from classifier.jobs import files, postgres_store
from classifier.jobs.database import JobDatabase
from classifier.jobs.job import Job
from classifier.jobs.postgres_store import PostgresJobStore
from classifier.jobs.sqlite_store import SqliteJobStore
from tests.support.postgres import Postgres

PREDICTION = Prediction(
    "tiny",
    "a.jpg",
    (LabelProbability("teapot", 0.75), LabelProbability("vase", 0.125)),
    0.01,
    "cpu",
)
Open = Callable[[], JobDatabase]


def job(id: str, request: str = "tiny/a.jpg", upload_bytes: int = 0) -> Job:
    return Job(id, request, "tiny", "a.jpg", upload_bytes, created=1000.0)


def unfinished(store: JobDatabase) -> list[Job]:
    return store.take((), room=1000).result().new


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store again and again."""
    if request.param == "SQLite":
        return partial(SqliteJobStore, tmp_path)
    server: Postgres = request.getfixturevalue("postgres")
    return partial(PostgresJobStore, server.new_database())


@pytest.fixture
def store(open_store: Open) -> Iterator[JobDatabase]:
    """An open store."""
    opened = open_store()
    yield opened
    opened.close()


def test_jobs_are_kept_when_the_store_is_opened_again(open_store: Open) -> None:
    first = open_store()
    first.add(job("waiting")).result()
    first.add(job("done")).result()
    assert first.start("done").result()
    first.end("done", "finished", 1002.5, PREDICTION).result()
    first.close()

    second = open_store()
    assert unfinished(second) == [job("waiting")]
    assert second.find("done").result() == replace(
        job("done"), status="finished", starts=1, finished=1002.5, prediction=PREDICTION
    )
    assert second.find("never").result() is None
    second.close()


def test_the_starts_of_interrupted_jobs_are_taken_back(open_store: Open) -> None:
    first = open_store()
    for id in ("interrupted", "crashed"):
        first.add(job(id)).result()
        first.start(id).result()
        first.start(id).result()
    first.close(["interrupted"])

    second = open_store()
    assert [kept.starts for kept in unfinished(second)] == [1, 2]
    second.close()


def test_only_jobs_that_changed_are_taken(store: JobDatabase) -> None:
    for id in ("known", "ended", "new"):
        store.add(job(id)).result()
    store.end("ended", "canceled", 1001.0).result()

    taken = store.take({"known", "ended", "unknown"}, room=10).result()
    assert taken.new == [job("new")]
    assert taken.gone == {"ended", "unknown"}


def test_statuses_are_those_of_the_jobs_that_exist(store: JobDatabase) -> None:
    for id in ("one", "two", "three"):
        store.add(job(id)).result()
    store.start("two").result()

    found = store.statuses(["one", "two", "never"]).result()
    assert found == {"one": "queued", "two": "started"}


def test_a_job_that_has_ended_cannot_start(store: JobDatabase) -> None:
    store.add(job("one")).result()
    store.end("one", "canceled", 1000.0).result()

    assert not store.start("one").result()
    assert not store.start("never").result()


def content(store: JobDatabase, id: str) -> bytes | None:
    """Returns the picture of a job, or None if there is none."""
    try:
        found = store.picture(id).result()
        return found.read_bytes() if isinstance(found, Path) else found
    except (PictureError, FileNotFoundError):
        return None


def test_a_picture_is_kept_until_its_job_ends(open_store: Open) -> None:
    picture = bytes(range(256)) * 1000
    first = open_store()
    first.add(job("one", upload_bytes=len(picture)), io.BytesIO(picture)).result()
    first.close()

    second = open_store()
    assert unfinished(second) == [job("one", upload_bytes=len(picture))]
    assert content(second, "one") == picture
    second.end("one", "finished", 1001.0, PREDICTION).result()
    assert content(second, "one") is None
    second.close()


def test_the_picture_of_a_repeated_idempotency_key_is_not_kept(store: JobDatabase) -> None:
    store.add(job("first", upload_bytes=3), io.BytesIO(b"abc"), "key").result()
    again = store.add(job("second", upload_bytes=3), io.BytesIO(b"abc"), "key").result()

    assert again.id == "first"
    assert content(store, "second") is None


def test_pictures_have_a_limit_in_total(
    store: JobDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (files, postgres_store):
        monkeypatch.setattr(module, "MAX_TOTAL_BYTES", 10)
    pictures = [io.BytesIO(b"12345") for _ in range(8)]
    adding = [
        store.add(job(f"{number}", upload_bytes=5), picture)
        for number, picture in enumerate(pictures)
    ]
    errors = [future.exception() for future in adding]
    assert sum(isinstance(error, NoRoomError) for error in errors) == 6
    assert len(unfinished(store)) == 2

    store.end(unfinished(store)[0].id, "finished", 1001.0, PREDICTION).result()
    store.add(job("last", upload_bytes=5), io.BytesIO(b"12345")).result()


def test_a_text_can_contain_anything(store: JobDatabase) -> None:
    store.add(replace(job("one"), image="a\0b.jpg"), key="k\0").result()

    (kept,) = unfinished(store)
    assert (kept.id, kept.image[0], kept.image[2:]) == ("one", "a", "b.jpg")
    assert store.find("\0").result() is None
    assert store.statuses(["\0"]).result() == {}


def test_a_probe_succeeds(store: JobDatabase) -> None:
    store.probe(1000.0).result()


def test_unfinished_jobs_are_returned_in_the_order_of_their_arrival(store: JobDatabase) -> None:
    names = [f"{number * 7 % 10}" for number in range(10)]
    for name in names:
        store.add(job(name)).result()
    store.start(names[4]).result()
    store.end(names[2], "canceled", 1001.0).result()

    waiting = unfinished(store)
    assert [kept.id for kept in waiting] == names[:2] + names[3:]
    assert waiting[3] == replace(job(names[4]), status="started", starts=1)


def test_a_job_ends_only_once(store: JobDatabase) -> None:
    store.add(job("one")).result()
    store.end("one", "canceled", 1001.0).result()
    store.end("one", "finished", 1002.0, PREDICTION).result()
    store.start("one").result()

    assert store.find("one").result() == replace(job("one"), status="canceled", finished=1001.0)


def test_a_repeated_idempotency_key_returns_the_first_job(store: JobDatabase) -> None:
    assert store.add(job("first"), key="key").result() == job("first")
    # Callers compare the requests of the two jobs.
    assert store.add(job("second", "tiny/b.jpg"), key="key").result() == job("first")

    assert store.find("second").result() is None
    assert store.find_key("key").result() == job("first")
    assert store.find_key("other").result() is None


def test_all_of_many_simultaneous_changes_are_written(store: JobDatabase) -> None:
    futures = [store.add(job(f"{number}")) for number in range(1000)]

    assert [future.result().id for future in futures] == [f"{number}" for number in range(1000)]
    assert len(unfinished(store)) == 1000


def test_only_jobs_that_ended_before_a_time_expire(store: JobDatabase) -> None:
    for number in range(20):
        store.add(job(f"{number}")).result()
    for number in range(15):
        store.end(f"{number}", "finished", 1000.0 + number, PREDICTION).result()

    assert store.expire(1010.0, 20, 4).result() == 4
    assert store.expire(1010.0, 20, 100).result() == 6
    assert store.expire(1010.0, 20, 100).result() == 0
    left = [number for number in range(20) if store.find(f"{number}").result()]
    assert left == list(range(10, 20))


def test_of_too_many_jobs_only_ended_ones_are_deleted(store: JobDatabase) -> None:
    for number in range(20):
        store.add(job(f"{number}")).result()
    for number in range(4, 20):
        store.end(f"{number}", "finished", 1000.0, PREDICTION).result()

    assert store.expire(0.0, 10, 4).result() == 4
    assert store.expire(0.0, 10, 100).result() == 2
    left = [number for number in range(20) if store.find(f"{number}").result()]
    assert left == [*range(4), *range(10, 20)]


def test_an_idempotency_key_can_be_used_again_after_its_job_has_expired(
    store: JobDatabase,
) -> None:
    store.add(job("one"), key="key").result()
    store.end("one", "finished", 1000.0, PREDICTION).result()

    assert store.add(job("two"), key="key", before=1000.0).result().id == "one"
    assert store.add(job("two"), key="key", before=1000.1).result().id == "two"
    assert store.find("one").result() is None


def test_only_the_call_that_ends_a_job_returns_true(store: JobDatabase) -> None:
    store.add(job("one")).result()

    assert store.end("one", "canceled", 1000.0).result()
    assert not store.end("one", "finished", 1001.0, PREDICTION).result()
    assert store.find("one").result() == replace(job("one"), status="canceled", finished=1000.0)
