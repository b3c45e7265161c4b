"""The job store in PostgreSQL when several servers share it, or the database fails."""

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import pytest

from classifier.errors import JobStoreAwayError, SettingError
from classifier.jobs import postgres_store
from classifier.jobs import store as job_store
from classifier.jobs.job import Job
from classifier.jobs.postgres_store import PostgresJobStore
from classifier.jobs.store import JobStore
from classifier.settings import Settings
from tests.jobs.test_store import PREDICTION, job, unfinished
from tests.support.postgres import PASSWORD, Postgres, serving
from tests.support.server import wait_for


@pytest.fixture
def url(postgres: Postgres) -> str:
    """The address of an empty database."""
    return postgres.new_database()


@pytest.fixture
def stores(url: str) -> Iterator[tuple[PostgresJobStore, PostgresJobStore]]:
    """The stores of two servers with one database."""
    first, second = PostgresJobStore(url), PostgresJobStore(url)
    yield first, second
    first.close()
    second.close()


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes all leases run out almost at once."""
    monkeypatch.setattr(postgres_store, "LEASE_SECONDS", 0.01)


def ids(jobs: list[Job]) -> list[str]:
    return [job.id for job in jobs]


def test_many_servers_can_create_the_tables_at_the_same_time(url: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        opened = list(threads.map(PostgresJobStore, [url] * 8))
    for store in opened:
        store.close()


def test_the_jobs_of_a_living_server_are_not_taken(
    stores: tuple[PostgresJobStore, PostgresJobStore],
) -> None:
    first, second = stores
    first.add(job("one")).result()

    assert unfinished(second) == []
    assert second.find("one").result() == job("one")
    assert not second.start("one").result()
    assert first.start("one").result()


def test_jobs_of_a_dead_server_are_taken_in_their_order(
    short_leases: None, stores: tuple[PostgresJobStore, PostgresJobStore]
) -> None:
    first, second = stores
    names = [f"{number * 7 % 10}" for number in range(10)]
    for name in names:
        first.add(job(name)).result()
    first.start(names[0]).result()
    time.sleep(0.1)

    taken = second.take((), room=4).result().new
    assert ids(taken) == names[:4]
    assert [kept.starts for kept in taken] == [1, 0, 0, 0]
    assert ids(second.take(names[:4], room=10).result().new) == names[4:]
    assert first.take((), room=0).result().new == []


def test_a_frozen_server_that_comes_back_lost_its_jobs(
    short_leases: None, stores: tuple[PostgresJobStore, PostgresJobStore]
) -> None:
    frozen, other = stores
    for name in ("running", "waiting"):
        frozen.add(job(name)).result()
    frozen.start("running").result()
    time.sleep(0.1)
    assert ids(unfinished(other)) == ["running", "waiting"]
    frozen.probe(0.0).result()  # renews the lease

    assert frozen.take({"running", "waiting"}, room=0).result().gone == {"running", "waiting"}
    assert not frozen.start("waiting").result()
    # Its result is right nevertheless. The first end counts.
    assert frozen.end("running", "finished", 1001.0, PREDICTION).result()
    assert not other.end("running", "finished", 1002.0, PREDICTION).result()


def test_a_server_that_was_cut_off_does_not_think_that_the_others_are_dead(
    short_leases: None, stores: tuple[PostgresJobStore, PostgresJobStore]
) -> None:
    first, second = stores
    first.add(job("one")).result()
    first.add(job("two")).result()
    time.sleep(0.1)
    second._lease._last_beat -= 6
    second.probe(0.0).result()

    assert unfinished(second) == []
    first.release(["two"]).result()
    assert ids(unfinished(second)) == ["two"]
    second._lease._in_touch_since -= 10
    assert ids(second.take(["two"], room=10).result().new) == ["one"]


def test_other_servers_are_told_of_released_jobs(
    stores: tuple[PostgresJobStore, PostgresJobStore],
) -> None:
    first, second = stores
    first.add(job("one")).result()
    first.add(job("two")).result()
    changes: SimpleQueue[str | None] = SimpleQueue()
    second.watch(changes.put)
    assert changes.get(timeout=30) is None  # the first heartbeat

    assert first.release(["one", "never"]).result() == ["one"]
    assert changes.get(timeout=30) is None
    assert ids(unfinished(second)) == ["one"]
    assert first.release(["one"]).result() == []
    first.close()
    assert ids(second.take(["one"], room=10).result().new) == ["two"]


def test_the_owner_is_told_that_another_server_ended_its_job(
    stores: tuple[PostgresJobStore, PostgresJobStore],
) -> None:
    first, second = stores
    first.add(job("one")).result()
    first.add(job("two")).result()
    changes: SimpleQueue[str | None] = SimpleQueue()
    first.watch(changes.put)
    assert changes.get(timeout=30) is None
    first.end("two", "canceled", 1001.0).result()  # of which it need not be told

    assert second.end("one", "canceled", 1001.0).result()
    heard = changes.get(timeout=30)
    while heard is None:  # heartbeats
        heard = changes.get(timeout=30)
    assert heard == "one"


def test_a_key_that_two_servers_receive_simultaneously_makes_one_job(
    stores: tuple[PostgresJobStore, PostgresJobStore],
) -> None:
    for round in range(20):
        adding = [
            store.add(
                job(f"{round}-{number}-{copy}", upload_bytes=3 * (number % 2)),
                io.BytesIO(b"abc") if number % 2 else None,
                f"key {round}",
            )
            for number, store in enumerate(stores)
            for copy in range(3)
        ]
        assert len({future.result().id for future in adding}) == 1
    assert len(unfinished(stores[0]) + unfinished(stores[1])) == 20


def test_an_expired_key_can_be_used_by_two_servers_simultaneously(
    stores: tuple[PostgresJobStore, PostgresJobStore],
) -> None:
    for round in range(20):
        stores[0].add(job(f"old {round}"), key=f"{round}").result()
        stores[0].end(f"old {round}", "finished", 1000.0, PREDICTION).result()
        adding = [
            store.add(job(f"{round} {number}"), key=f"{round}", before=2000.0)
            for number, store in enumerate(stores)
        ]
        assert len({future.result().id for future in adding}) == 1


def test_a_job_whose_addition_was_not_confirmed_comes_back(
    stores: tuple[PostgresJobStore, PostgresJobStore],
) -> None:
    """If the database fails after a commit, the server has not heard of its own job."""
    first, _ = stores
    first.add(job("one")).result()
    first.add(job("unconfirmed")).result()

    assert ids(first.take({"one"}, room=0).result().new) == ["unconfirmed"]


def test_calls_fail_at_once_while_the_database_is_away_and_succeed_afterwards() -> None:
    with serving() as server:
        store = PostgresJobStore(server.new_database())
        beats: SimpleQueue[str | None] = SimpleQueue()
        store.watch(beats.put)
        beats.get(timeout=30)
        for number in range(20):  # all connections are open
            store.add(job(f"{number}")).result()
        server.stop()
        wait_for(lambda: store._connections._problem is not None)
        errors = [store.add(job("rejected")).exception() for _ in range(100)]
        assert {type(error) for error in errors} == {JobStoreAwayError}
        assert "CLASSIFIER_JOBS_URL cannot be used: " in str(errors[0])
        assert str(errors[0]).endswith("Try again in 5 s.")
        server.start()
        wait_for(lambda: store._connections._problem is None)

        for future in [store.add(job(f"again {number}")) for number in range(100)]:
            future.result()
        assert len(unfinished(store)) == 120
        store.close()


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{PASSWORD}@127.0.0.1/jobs",  # not quoted
        "postgresql://user:secret/word@127.0.0.1/jobs",
        "postgresql://user:pass@host:secret/jobs",
        "postgresql://user@host/jobs?secret",
    ],
)
def test_an_address_that_cannot_be_parsed_is_not_shown(url: str) -> None:
    with pytest.raises(SettingError) as caught:
        JobStore.from_settings(Settings(jobs_url=url))

    assert str(caught.value) == (
        "CLASSIFIER_JOBS_URL is 'postgresql://…'; expected an address like "
        "postgresql://user:password@host/database, with % codes for /, @ and : in the password."
    )


def test_a_refused_password_is_not_shown(postgres: Postgres) -> None:
    with pytest.raises(JobStoreAwayError, match="password authentication failed") as caught:
        PostgresJobStore(postgres.url(password="another-secret"))

    assert "another-secret" not in str(caught.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(job_store, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"pip install -r requirements-cluster.txt\.$") as caught:
        JobStore.from_settings(Settings(jobs_url=url))

    assert str(caught.value).startswith(
        "CLASSIFIER_JOBS_URL is 'postgresql://…'; expected the pack"
    )
