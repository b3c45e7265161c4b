"""Waiting for jobs of other servers."""

import asyncio
from collections.abc import Collection

import pytest

from classifier.errors import JobStoreError
from classifier.jobs import watched
from classifier.jobs.background_tasks import BackgroundTasks
from classifier.jobs.job import Status
from classifier.jobs.watched import WatchedJobs


class Statuses:
    """The statuses of jobs, and the questions for them."""

    def __init__(self) -> None:
        self.statuses: dict[str, Status] = {"one": "queued", "two": "queued"}
        self.errors: list[Exception] = []
        self.questions: list[set[str]] = []

    async def __call__(self, ids: Collection[str]) -> dict[str, Status]:
        self.questions.append(set(ids))
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop()
        return {id: status for id, status in self.statuses.items() if id in ids}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "POLL_SECONDS", 0.01)


def test_one_question_serves_all_clients_and_ends_with_them() -> None:
    async def work() -> None:
        statuses = Statuses()
        jobs = WatchedJobs(statuses, BackgroundTasks())
        clients = [asyncio.ensure_future(jobs.wait("one", "queued")) for _ in range(100)]
        other = asyncio.ensure_future(jobs.wait("two", "queued"))
        await asyncio.sleep(0.1)
        assert not any(client.done() for client in [*clients, other])
        assert all(question == {"one", "two"} for question in statuses.questions)

        statuses.statuses["one"] = "started"
        await asyncio.wait_for(asyncio.gather(*clients), 10)
        assert not other.done()
        del statuses.statuses["two"]  # expired
        await asyncio.wait_for(other, 10)
        await asyncio.sleep(0.1)
        count = len(statuses.questions)
        await asyncio.sleep(0.1)
        assert len(statuses.questions) == count
        assert statuses.questions[-1] == {"two"}

    asyncio.run(work())


def test_a_failed_question_is_asked_again() -> None:
    async def work() -> None:
        statuses = Statuses()
        statuses.errors = [JobStoreError("The disk is full.")] * 3
        jobs = WatchedJobs(statuses, BackgroundTasks())
        client = asyncio.ensure_future(jobs.wait("one", "queued"))
        await asyncio.sleep(0.1)
        assert not client.done()
        statuses.statuses["one"] = "finished"
        await asyncio.wait_for(client, 10)

    asyncio.run(work())


def test_clients_come_and_go_at_any_time() -> None:
    async def work() -> None:
        statuses = Statuses()
        jobs = WatchedJobs(statuses, BackgroundTasks())
        for delay in range(20):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(jobs.wait("one", "queued"), 0.003)
            await asyncio.sleep(delay / 1000)
        statuses.statuses["one"] = "canceled"
        await asyncio.wait_for(jobs.wait("one", "queued"), 10)

    asyncio.run(work())
