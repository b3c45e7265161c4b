"""Jobs in Gradio's queue."""

import time
from collections import deque

from classifier.endpoints.endpoint import INFERENCE
from classifier.gradio_internals.job_queue import GradioJobQueue
from classifier.page.layout import RUN_JOB
from classifier.server.app import App
from tests.gradio_internals.test_queue import push
from tests.support.server import run


def test_jobs_wait_in_order_and_know_their_place(app: App) -> None:
    async def work() -> None:
        queue = app.job_queue
        app.queue.process_time_per_fn[app.page.fns[queue._function]].add(3.0)
        for id in ("a", "b", "c"):
            assert await queue.push(id, "")
        assert (await push(app, "pretzel.jpg", "tiny"))[0]

        assert [queue.place(id)[0] for id in ("a", "b", "c")] == [0, 1, 2]
        seconds = [queue.place(id)[1] for id in ("a", "b", "c")]
        assert all(seconds)
        assert seconds == sorted(seconds, key=lambda estimate: estimate or 0)
        assert queue.length() == 4
        assert queue.room() == 6

        await queue.remove("b")
        await queue.remove("unknown")
        assert queue.waiting_ids() == ["a", "c"]
        assert queue.place("b") == (None, None)
        assert queue.place("c")[0] == 1

    run(work())


def test_a_full_queue_takes_no_job(app: App) -> None:
    async def work() -> None:
        app.queue.max_size = 1
        assert await app.job_queue.push("a", "")
        assert not await app.job_queue.push("b", "")

    run(work())


def test_jobs_that_wait_for_room_come_first(app: App) -> None:
    async def work() -> None:
        pending = 1
        queue = GradioJobQueue(app.page, RUN_JOB, on_exit=lambda id: None, pending=lambda: pending)
        accepted, detail, state = await push(app, "pretzel.jpg", "tiny")
        assert not accepted
        assert detail.startswith("Queue is full.")
        assert state == "queue_full"
        assert await queue.push("a", "")

    run(work())


def test_the_wait_is_estimated_from_the_last_events(app: App) -> None:
    queue = app.job_queue
    assert queue.seconds_to_wait() == 5  # nothing was measured yet

    app.queue._ends[INFERENCE] = deque(time.monotonic() - 10 for _ in range(5))
    assert queue.seconds_to_wait() == 3  # five events in ten seconds

    # After a quiet night, clients are not sent away for hours.
    app.queue._ends[INFERENCE] = deque(time.monotonic() - 36_000 for _ in range(20))
    assert queue.seconds_to_wait() == 60
