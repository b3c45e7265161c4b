"""Tickets when several things happen at once, or something goes wrong in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import gradio
import pytest

from classifier import ledger, server
from classifier.deposit import Deposit
from classifier.desk import Desk
from classifier.errors import BusyError, InputError, RecordError, RecordHeldError
from classifier.predict import Guess, Prediction
from classifier.record import Record
from classifier.settings import Settings
from tests.serving import PROJECT, run

PICTURE = PROJECT / "images" / "pretzel.jpg"
ANSWER = Prediction("tiny", PICTURE.name, (Guess("pretzel", 0.75),) * 5, 0.01, "cpu")
FULL = RecordError("The disk is full.")
SOON = 10  # seconds, for what takes none


class Held:
    """What a function does from when it is let go."""

    def __init__(self, does: Callable[..., Awaitable[Any]]) -> None:
        self.does = does
        self.called, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self, *values: Any) -> Any:
        self.called.set()
        await self.go.wait()
        return await self.does(*values)


async def page(cache: Path) -> Any:
    """A page whose queue takes jobs and begins none by itself.

    Made where an event loop runs: Gradio would make some of its own and never close them.
    """
    made = server.create(Settings.from_environment({"CLASSIFIER_CACHE": str(cache)}))
    made.queue(api_open=False, max_size=10)
    made.tickets.join(made)
    return made


@asynccontextmanager
async def opened(cache: Path) -> AsyncIterator[Any]:
    tickets = (await page(cache)).tickets

    async def answer(*values: object) -> Prediction:
        return ANSWER

    tickets.endpoints.predict = answer
    async with tickets.lifespan(None):
        yield tickets


async def status(tickets: Any, ticket: str) -> str:
    """What has become of a job when nothing is under way any more."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SOON):
            while (state := await tickets.state(ticket)) and not state.job.finished:
                await asyncio.sleep(0.01)
    state = await tickets.state(ticket)
    assert state
    return str(state.job.status)


def unfinished(cache: Path) -> list[str]:
    record = Record(cache / "tickets")
    jobs = record.unfinished()
    record.close()
    return [job.id for job in jobs]


def test_a_fetch_that_fails_in_an_unknown_way_ends_its_jobs(tmp_path: Path) -> None:
    async def broken(*values: object) -> None:
        raise RuntimeError("nobody thought of this")

    async def work() -> None:
        async with opened(tmp_path) as tickets:
            tickets.endpoints.bring = broken
            for _ in range(11):  # more than have room at once
                job = (await tickets.put("alexnet", PICTURE.name)).job
                assert await status(tickets, job.id) == "failed"

    run(work())
    assert unfinished(tmp_path) == []


def test_jobs_for_one_model_begin_in_their_order_once_it_is_here(tmp_path: Path) -> None:
    order: list[str] = []

    async def work() -> None:
        async with opened(tmp_path) as tickets:
            bring = Held(asyncio.sleep)
            tickets.endpoints.bring = lambda *values: bring(0)
            jobs = [(await tickets.put("alexnet", PICTURE.name)).job.id for _ in range(3)]
            # It is here, but those who came before have not noticed yet.
            tickets.endpoints.classifier.engine.is_ready = lambda model: True
            jobs.append((await tickets.put("alexnet", PICTURE.name)).job.id)
            bring.go.set()
            while len(order) < 4:
                line = tickets._line._waiting()
                order[:] = [event.data.data[0] for event in line]
                await asyncio.sleep(0.01)
            assert order == jobs

    run(work())


def test_a_key_sent_often_at_once_takes_one_place(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as tickets:
            puts = [tickets.put("tiny", PICTURE.name, key="key") for _ in range(20)]
            states = await asyncio.gather(*puts)
            assert len({state.job.id for state in states}) == 1
            with pytest.raises(InputError, match="was for another question"):
                await asyncio.gather(
                    tickets.put("tiny", PICTURE.name, key="other"),
                    tickets.put("tiny", "teapot.jpg", key="other"),
                )

    run(work())
    assert len(unfinished(tmp_path)) == 2


def test_a_cancel_that_cannot_be_written_costs_no_job(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as tickets:
            job = (await tickets.put("tiny", PICTURE.name)).job
            end = tickets._ledger.end

            async def fail(*values: Any) -> bool:
                raise FULL

            held = Held(fail)
            tickets._ledger.end = held
            canceling = asyncio.ensure_future(tickets.cancel(job.id))
            await held.called.wait()
            # Meanwhile its turn comes, and it ends.
            tickets._ledger.end = end
            await tickets.run(job.id)
            held.go.set()
            with pytest.raises(RecordError):
                await canceling
            assert await status(tickets, job.id) == "finished"
            assert not tickets.busy()

    run(work())


def test_a_cancel_that_comes_first_is_the_end(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as tickets:
            job = (await tickets.put("tiny", PICTURE.name)).job
            held = Held(tickets._ledger.end)
            tickets._ledger.end = held
            canceling = asyncio.ensure_future(tickets.cancel(job.id))
            await held.called.wait()
            await tickets.run(job.id)
            held.go.set()
            await canceling
            assert await status(tickets, job.id) == "canceled"
            assert not tickets.busy()
            assert tickets._line.length() == 0

    run(work())


def test_a_job_can_be_cancelled_while_the_server_stops(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as tickets:
            kept, job = [(await tickets.put("tiny", PICTURE.name)).job for _ in range(2)]
            tickets.refuse()
            await tickets.cancel(job.id)
            assert await status(tickets, job.id) == "canceled"
            await tickets.close()
            with pytest.raises(BusyError, match="The server is stopping"):
                await tickets.cancel(kept.id)

    run(work())
    assert len(unfinished(tmp_path)) == 1


def test_who_waits_while_the_server_stops_holds_nothing_up(tmp_path: Path) -> None:
    async def work() -> int:
        async with opened(tmp_path) as tickets:
            job = (await tickets.put("tiny", PICTURE.name)).job

            async def read() -> None:
                async for _ in Desk(tickets.endpoints, tickets)._states(job.id):
                    pass

            reader = asyncio.ensure_future(read())
            await asyncio.sleep(0.05)
            await tickets.close()
            state = tickets.state
            calls = 0

            async def counted(ticket: str) -> Any:
                nonlocal calls
                calls += 1
                return await state(ticket)

            tickets.state = counted
            await asyncio.sleep(0.3)
            reader.cancel()
            return calls

    assert run(work()) < 5


@pytest.mark.parametrize("errors", [[RecordHeldError("Held."), FULL], [FULL, FULL]])
def test_a_record_that_cannot_be_had_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errors: list[Exception]
) -> None:
    left = [*errors]

    def record(folder: Path) -> Record:
        if left:
            raise left.pop(0)
        return Record(folder)

    monkeypatch.setattr(ledger, "Record", record)
    monkeypatch.setattr(ledger, "RETRY_SECONDS", 0.01)

    async def work() -> None:
        async with opened(tmp_path) as tickets:
            with pytest.raises(type(errors[0])):
                await tickets.put("tiny", PICTURE.name)
            async with asyncio.timeout(SOON):
                while left or not tickets._ledger._record:
                    await asyncio.sleep(0.01)
            assert (await tickets.put("tiny", PICTURE.name)).lasts

    run(work())


def test_a_folder_of_pictures_that_cannot_be_read_holds_the_record_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "RETRY_SECONDS", 0.01)
    left = [OSError("no such device")]
    opens = Deposit.open

    def fail(self: Deposit, jobs: Any) -> None:
        if left:
            raise left.pop()
        opens(self, jobs)

    monkeypatch.setattr(Deposit, "open", fail)

    async def work() -> None:
        async with opened(tmp_path) as tickets:
            with pytest.raises(RecordError, match="no such device"):
                await tickets.put("tiny", PICTURE.name)
            # Closed in between, it can be opened again, though by one server at a time.
            async with asyncio.timeout(SOON):
                while not tickets._ledger._record:
                    await asyncio.sleep(0.01)
            assert (await tickets.put("tiny", PICTURE.name)).lasts

    run(work())


def test_who_asks_before_there_is_a_record_is_answered_when_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "RETRY_SECONDS", 0.01)
    first = Record(tmp_path / "tickets")

    async def work() -> None:
        async with opened(tmp_path) as tickets:
            with PICTURE.open("rb") as picture:
                put = await tickets.put("tiny", "own.jpg", picture, must_last=False)
            assert not put.lasts
            first.close()
            async with asyncio.timeout(SOON):
                while not tickets._ledger._record:
                    await asyncio.sleep(0.01)
            assert tickets._deposit.path(put.job.id).read_bytes() == PICTURE.read_bytes()
            await tickets.run(put.job.id)
            assert await status(tickets, put.job.id) == "finished"

    run(work())


def ask(tickets: Any, image: str = PICTURE.name, edits: Any = None) -> Any:
    return Desk(tickets.endpoints, tickets).ask(image, None, edits, "tiny")


def test_who_cancels_while_the_job_is_written_down_leaves_none_behind(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as tickets:
            held = Held(tickets._ledger.add)
            tickets._ledger.add = held
            asking = asyncio.ensure_future(anext(ask(tickets)))
            await held.called.wait()
            asking.cancel()
            held.go.set()
            await asyncio.wait([asking])
            assert asking.cancelled()
            assert tickets._line.length() == 0

    run(work())
    assert unfinished(tmp_path) == []


def test_who_cancels_twice_cancels(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as tickets:
            shown: list[Any] = []

            async def read() -> None:
                async for part in ask(tickets):
                    shown.append(part)

            held = Held(tickets._ledger.end)
            tickets._ledger.end = held
            asking = asyncio.ensure_future(read())
            while not shown:
                await asyncio.sleep(0.01)
            asking.cancel()
            await held.called.wait()
            asking.cancel()
            await asyncio.wait([asking])
            held.go.set()
            assert await status(tickets, shown[0][1]) == "canceled"

    run(work())


def test_who_cancels_between_two_looks_cancels(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as tickets:
            shown: list[Any] = []

            async def read() -> None:
                looks = ask(tickets)
                try:
                    shown.append(await anext(looks))
                    await asyncio.sleep(SOON)  # as Gradio does something with it
                finally:
                    await looks.aclose()

            asking = asyncio.ensure_future(read())
            while not shown:
                await asyncio.sleep(0.01)
            asking.cancel()
            await asyncio.wait([asking])
            assert await status(tickets, shown[0][1]) == "canceled"

    run(work())


def test_who_goes_away_cancels_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as tickets:
            looks = ask(tickets)
            _, ticket = await anext(looks)
            await looks.aclose()
            await tickets.run(ticket)
            assert await status(tickets, ticket) == "finished"

    run(work())


def test_without_room_for_an_edited_picture_there_is_an_answer(tmp_path: Path) -> None:
    def full(*values: object) -> Path:
        raise BusyError("The disk is nearly full.", 1)

    async def work() -> None:
        async with opened(tmp_path) as tickets:
            tickets.endpoints.kept = full
            looks = ask(tickets, edits={"brightness": 2})
            _, ticket = await anext(looks)
            running = asyncio.ensure_future(tickets.run(ticket))
            texts = [text async for text, _ in looks]
            await running
            assert "pretzel" in texts[-1]

    run(work())


def test_answers_that_are_known_leave_nothing_behind_without_a_record(tmp_path: Path) -> None:
    first = Record(tmp_path / "tickets")

    async def work() -> None:
        async with opened(tmp_path) as tickets:
            put = await tickets.put("tiny", PICTURE.name, must_last=False)
            await tickets.run(put.job.id)
            assert await status(tickets, put.job.id) == "finished"
            for _ in range(20):
                put = await tickets.put("tiny", PICTURE.name, must_last=False)
                assert put.job.status == "finished"
                assert not put.lasts
            assert not tickets._live
            assert not tickets._backlog._outside

    run(work())
    first.close()


def test_a_crowd_after_a_quiet_night_is_not_sent_away_for_hours(tmp_path: Path) -> None:
    queue = run(page(tmp_path))._queue
    queue.ends.extend(time.monotonic() - 36_000 for _ in range(20))

    assert queue.seconds_to_wait() == 60


def test_a_ticket_of_no_kind_is_no_failure(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as tickets:
            await tickets.run({})

    run(work())


def test_a_failed_job_is_told_in_the_page(tmp_path: Path) -> None:
    async def broken(*values: object) -> Prediction:
        raise RuntimeError("nobody thought of this")

    async def work() -> None:
        async with opened(tmp_path) as tickets:
            tickets.endpoints.predict = broken
            looks = ask(tickets)
            _, ticket = await anext(looks)
            await tickets.run(ticket)
            with pytest.raises(gradio.Error, match="its log says why"):
                async for _ in looks:
                    pass

    run(work())
