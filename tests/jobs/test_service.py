"""The job service when several things happen at the same time, or something fails."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from classifier.errors import BusyError, InputError, JobStoreError, JobStoreLockedError
from classifier.jobs import store
from classifier.jobs.files import JobFiles
from classifier.jobs.sqlite_store import SqliteJobStore
from tests.support.job_service import (
    PICTURE,
    TIMEOUT_SECONDS,
    Held,
    opened,
    status,
    unfinished,
)
from tests.support.server import run

FULL = JobStoreError("The disk is full.")


def test_a_download_that_fails_unexpectedly_ends_its_jobs(tmp_path: Path) -> None:
    async def broken(*values: object) -> None:
        raise RuntimeError("an unexpected error")

    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            service.classifier.download = broken
            for _ in range(11):  # more jobs than the queue has room for
                job = (await service.submit("alexnet", PICTURE.name)).job
                assert await status(service, job.id) == "failed"

    run(work())
    assert unfinished(tmp_path) == []


def test_jobs_that_waited_for_a_download_keep_their_order(tmp_path: Path) -> None:
    order: list[str] = []

    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            download = Held(asyncio.sleep)
            service.classifier.download = lambda *values: download(0)
            jobs = [(await service.submit("alexnet", PICTURE.name)).job.id for _ in range(3)]
            # The model is downloaded, but the jobs that wait for it have not noticed yet.
            service.classifier.backend.is_downloaded = lambda model: True
            jobs.append((await service.submit("alexnet", PICTURE.name)).job.id)
            download.released.set()
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while len(order) < 4:
                    order[:] = service._queue.waiting_ids()
                    await asyncio.sleep(0.01)
            assert order == jobs

    run(work())


def test_an_idempotency_key_sent_many_times_simultaneously_takes_one_place(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            calls = [service.submit("tiny", PICTURE.name, key="key") for _ in range(20)]
            states = await asyncio.gather(*calls)
            assert len({state.job.id for state in states}) == 1
            with pytest.raises(InputError, match="belongs to a different request"):
                await asyncio.gather(
                    service.submit("tiny", PICTURE.name, key="other"),
                    service.submit("tiny", "teapot.jpg", key="other"),
                )

    run(work())
    assert len(unfinished(tmp_path)) == 2


def test_a_job_continues_if_its_cancellation_cannot_be_written(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            job = (await service.submit("tiny", PICTURE.name)).job
            end = service._store.end

            async def fail(*values: Any) -> bool:
                raise FULL

            held = Held(fail)
            service._store.end = held
            cancelling = asyncio.ensure_future(service.cancel(job.id))
            await held.called.wait()
            # In the meantime, the job runs and ends.
            service._store.end = end
            await service.run(job.id)
            held.released.set()
            with pytest.raises(JobStoreError):
                await cancelling
            assert await status(service, job.id) == "finished"
            assert not service.is_busy()

    run(work())


def test_a_job_that_runs_during_its_cancellation_is_cancelled(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            job = (await service.submit("tiny", PICTURE.name)).job
            held = Held(service._store.end)
            service._store.end = held
            cancelling = asyncio.ensure_future(service.cancel(job.id))
            await held.called.wait()
            await service.run(job.id)
            held.released.set()
            await cancelling
            assert await status(service, job.id) == "canceled"
            assert not service.is_busy()
            assert service._queue.length() == 0

    run(work())


def test_a_job_can_be_cancelled_while_the_server_stops(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            kept, job = [(await service.submit("tiny", PICTURE.name)).job for _ in range(2)]
            service.stop_accepting()
            await service.cancel(job.id)
            assert await status(service, job.id) == "canceled"
            await service.close()
            with pytest.raises(BusyError, match="The server is stopping"):
                await service.cancel(kept.id)

    run(work())
    assert len(unfinished(tmp_path)) == 1


@pytest.mark.parametrize(
    "errors", [[JobStoreLockedError("Another server uses the job store."), FULL], [FULL, FULL]]
)
def test_a_store_that_cannot_be_opened_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errors: list[Exception]
) -> None:
    remaining = [*errors]

    def open_store(folder: Path) -> SqliteJobStore:
        if remaining:
            raise remaining.pop(0)
        return SqliteJobStore(folder)

    monkeypatch.setattr(store, "SqliteJobStore", open_store)
    monkeypatch.setattr(store, "RETRY_SECONDS", 0.01)

    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            with pytest.raises(type(errors[0])):
                await service.submit("tiny", PICTURE.name)
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while remaining or not service._store._database:
                    await asyncio.sleep(0.01)
            assert (await service.submit("tiny", PICTURE.name)).is_stored

    run(work())


def test_the_store_is_unlocked_if_the_folder_of_pictures_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "RETRY_SECONDS", 0.01)
    errors = [OSError("no such device")]
    open_folder = JobFiles.open

    def fail_once(self: JobFiles, ids: Any) -> None:
        if errors:
            raise errors.pop()
        open_folder(self, ids)

    monkeypatch.setattr(JobFiles, "open", fail_once)

    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            with pytest.raises(JobStoreError, match="no such device"):
                await service.submit("tiny", PICTURE.name)
            # The lock was released, so the next attempt can open the store.
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while not service._store._database:
                    await asyncio.sleep(0.01)
            assert (await service.submit("tiny", PICTURE.name)).is_stored

    run(work())


def test_a_job_that_is_not_stored_survives_the_opening_of_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "RETRY_SECONDS", 0.01)
    first = SqliteJobStore(tmp_path / "tickets")

    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            with PICTURE.open("rb") as picture:
                state = await service.submit("tiny", "own.jpg", picture, must_be_stored=False)
            assert not state.is_stored
            first.close()
            async with asyncio.timeout(TIMEOUT_SECONDS):
                while not service._store._database:
                    await asyncio.sleep(0.01)
            id = state.job.id
            assert service._active[id].picture == PICTURE.read_bytes()
            await service.run(id)
            assert await status(service, id) == "finished"

    run(work())


def test_cached_predictions_leave_nothing_behind_without_a_store(tmp_path: Path) -> None:
    first = SqliteJobStore(tmp_path / "tickets")

    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            state = await service.submit("tiny", PICTURE.name, must_be_stored=False)
            await service.run(state.job.id)
            assert await status(service, state.job.id) == "finished"
            for _ in range(20):
                state = await service.submit("tiny", PICTURE.name, must_be_stored=False)
                assert state.job.status == "finished"
                assert not state.is_stored
            assert not service._active
            assert not service._pending._outside

    run(work())
    first.close()


def test_an_id_of_the_wrong_type_is_ignored(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            await service.run({})

    run(work())
