"""What the tab Answer does while a job waits, and when visitors cancel or leave."""

import asyncio
from pathlib import Path
from typing import Any

import gradio
import pytest

from classifier.errors import BusyError
from classifier.inference.cluster.backend import AWAY
from classifier.inference.prediction import Prediction
from classifier.jobs.job import Job, JobState
from classifier.page.answer.handlers import AnswerHandlers
from tests.support.job_service import (
    PICTURE,
    TIMEOUT_SECONDS,
    Held,
    opened,
    status,
    unfinished,
)
from tests.support.server import run


def test_clients_that_wait_do_not_delay_the_shutdown(tmp_path: Path) -> None:
    async def work() -> int:
        async with opened(tmp_path) as app:
            service = app.jobs
            job = (await service.submit("tiny", PICTURE.name)).job

            async def read() -> None:
                async for _ in AnswerHandlers(app.services, service)._states(job.id):
                    pass

            reader = asyncio.ensure_future(read())
            await asyncio.sleep(0.05)
            await service.close()
            state = service.state
            calls = 0

            async def counted(ticket: str) -> Any:
                nonlocal calls
                calls += 1
                return await state(ticket)

            service.state = counted
            await asyncio.sleep(0.3)
            reader.cancel()
            return calls

    assert run(work()) < 5


def test_a_job_that_waits_for_the_cluster_says_so(tmp_path: Path) -> None:
    async def work() -> str:
        async with opened(tmp_path) as app:
            handlers = AnswerHandlers(app.services, app.jobs)
            job = Job("id", "request", "tiny", PICTURE.name, 0, 0.0)
            state = JobState(job, problem=AWAY)
            return handlers._render(state, "id", in_gallery=True)

    assert f"{AWAY} Your picture waits." in run(work())


def ask(app: Any, image: str = PICTURE.name, edits: Any = None) -> Any:
    return AnswerHandlers(app.services, app.jobs).submit(
        image, None, edits, "tiny", gradio.Request()
    )


def test_who_cancels_while_the_job_is_written_down_leaves_none_behind(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            held = Held(service._store.add)
            service._store.add = held
            asking = asyncio.ensure_future(anext(ask(app)))
            await held.called.wait()
            asking.cancel()
            held.released.set()
            await asyncio.wait([asking])
            assert asking.cancelled()
            assert service._queue.length() == 0

    run(work())
    assert unfinished(tmp_path) == []


def test_who_cancels_twice_cancels(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            shown: list[Any] = []

            async def read() -> None:
                async for part in ask(app):
                    shown.append(part)

            held = Held(service._store.end)
            service._store.end = held
            asking = asyncio.ensure_future(read())
            while not shown:
                await asyncio.sleep(0.01)
            asking.cancel()
            await held.called.wait()
            asking.cancel()
            await asyncio.wait([asking])
            held.released.set()
            assert await status(service, shown[0][1]) == "canceled"

    run(work())


def test_who_cancels_between_two_looks_cancels(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            shown: list[Any] = []

            async def read() -> None:
                looks = ask(app)
                try:
                    shown.append(await anext(looks))
                    await asyncio.sleep(TIMEOUT_SECONDS)  # as Gradio does something with it
                finally:
                    await looks.aclose()

            asking = asyncio.ensure_future(read())
            while not shown:
                await asyncio.sleep(0.01)
            asking.cancel()
            await asyncio.wait([asking])
            assert await status(service, shown[0][1]) == "canceled"

    run(work())


def test_who_goes_away_cancels_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            looks = ask(app)
            _, ticket = await anext(looks)
            await looks.aclose()
            await service.run(ticket)
            assert await status(service, ticket) == "finished"

    run(work())


def test_without_room_for_an_edited_picture_there_is_an_answer(tmp_path: Path) -> None:
    def full(*values: object) -> Path:
        raise BusyError("The disk is nearly full.", 1)

    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            app.services.uploads.save_edited = full
            looks = ask(app, edits={"brightness": 2})
            _, ticket = await anext(looks)
            running = asyncio.ensure_future(service.run(ticket))
            texts = [text async for text, _ in looks]
            await running
            assert "pretzel" in texts[-1]

    run(work())


def test_a_failed_job_is_reported_on_the_page(tmp_path: Path) -> None:
    async def broken(*values: object) -> Prediction:
        raise RuntimeError("nobody thought of this")

    async def work() -> None:
        async with opened(tmp_path) as app:
            service = app.jobs
            service.classifier.predict = broken
            looks = ask(app)
            _, ticket = await anext(looks)
            await service.run(ticket)
            with pytest.raises(gradio.Error, match="its log has the details"):
                async for _ in looks:
                    pass

    run(work())
