"""The changes of Gradio's queue."""

import asyncio
from typing import Any

import gradio.tunneling
import pytest
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event
from gradio.server_messages import HeartbeatMessage

from classifier.endpoints.endpoint import INFERENCE
from classifier.gradio_internals.job_queue import request_of
from classifier.gradio_internals.queue import Queue
from classifier.gradio_internals.queue_idle import ACTIVE_SECONDS, IDLE_SLEEP_SECONDS
from classifier.gradio_internals.queue_session_limits import (
    CLEANUP_INTERVAL,
    MAX_SESSION_NAME,
    MAX_UNREAD,
)
from classifier.gradio_internals.tunnels import close_tunnels
from classifier.server.app import STATUS_SECONDS, App
from tests.support.browsing import PICTURES
from tests.support.server import run

REQUEST = request_of()


def function(app: App, name: str) -> tuple[int, Any]:
    """The number of an endpoint, and the endpoint."""
    return next((key, fn) for key, fn in app.page.fns.items() if fn.api_name == name)


async def push(app: App, *values: Any, session: str | None = None, name: str = "classify") -> Any:
    number, _ = function(app, name)
    body = PredictBodyInternal(
        data=list(values), fn_index=number, session_hash=session, request=REQUEST
    )
    return await app.queue.push(body, REQUEST, None)


def test_the_page_uses_this_queue(app: App) -> None:
    queue = app.page._queue

    assert type(queue) is Queue
    assert queue is app.queue
    assert queue.max_size == 10
    assert queue.update_intervals == STATUS_SECONDS
    assert not queue.live_updates
    assert queue.blocks is app.page


def test_the_concurrency_follows_the_cluster(app: App) -> None:
    queue = app.queue

    async def work() -> None:
        for limit in (5, 2, 7):
            queue.set_concurrency(INFERENCE, limit)
            await push(app, PICTURES[0], "tiny", session=f"session-{limit}")

            assert queue.event_queue_per_concurrency_id[INFERENCE].concurrency_limit == limit

    run(work())


def test_a_lost_session_does_not_stop_the_queue(app: App) -> None:
    async def work() -> None:
        event = Event("a session without messages", function(app, "classify")[1], None, None)
        app.queue.send_message(event, HeartbeatMessage())

        assert not event.alive

    run(work())


def test_finished_sessions_are_forgotten(app: App) -> None:
    async def work() -> None:
        queue = app.queue
        queue.max_size = None
        for number in range(1000):
            queue.pending_event_ids_session[str(number)] = set()
        for _ in range(CLEANUP_INTERVAL):
            await push(app, "pretzel.jpg", "tiny")

        # The events of these pushes are still waiting.
        assert len(queue.pending_event_ids_session) <= CLEANUP_INTERVAL

    run(work())


@pytest.mark.parametrize(
    ("session", "unread", "message"),
    [
        ("a" * (MAX_SESSION_NAME + 1), 0, "The session_hash has more than 64 characters."),
        ("a", MAX_UNREAD, "This session has too many results that were not read."),
    ],
)
def test_a_session_is_limited(app: App, session: str, unread: int, message: str) -> None:
    async def work() -> None:
        app.queue.pending_event_ids_session[session] = {str(number) for number in range(unread)}
        accepted, detail, _ = await push(app, "pretzel.jpg", "tiny", session=session)

        assert not accepted
        assert detail == message

    run(work())


def test_a_full_queue_still_returns_cached_results(app: App) -> None:
    async def work() -> None:
        _, classify = function(app, "classify")
        record = await classify.fn("pretzel.jpg", "tiny")
        app.queue.max_size = 0
        accepted, event, _ = await push(app, "pretzel.jpg", "tiny", session="a")
        message = app.queue.pending_messages_per_session["a"].get_nowait()

        assert accepted
        assert message.event_id == event
        assert message.output["data"] == [record]
        assert not (await push(app, "teapot.jpg", "tiny"))[0]

    run(work())


def test_an_event_without_a_function_is_rejected(app: App) -> None:
    async def work() -> None:
        body = PredictBodyInternal(data=[], session_hash="a", request=REQUEST)

        assert await app.queue.push(body, REQUEST, None) == (
            False,
            "No function index provided.",
            "error",
        )

    run(work())


def test_a_queue_that_stops_rejects_and_tells(app: App) -> None:
    async def work() -> None:
        queue = app.queue
        accepted, _, _ = await push(app, "pretzel.jpg", "tiny", session="a")
        assert accepted
        messages = queue.pending_messages_per_session["a"]
        while not messages.empty():
            messages.get_nowait()
        queue.stop_accepting("The server is stopping.")

        assert messages.get_nowait().output == {"error": "The server is stopping."}
        assert len(queue) == 0
        assert queue.problem() == "The server is stopping."
        assert await push(app, "pretzel.jpg", "tiny") == (
            False,
            "The server is stopping.",
            "queue_full",
        )

    run(work())


def test_no_statistics_are_computed(app: App) -> None:
    queue = app.queue
    queue.events_recorded = 1000
    records = [{"function": "classify", "status": "success", "process_time": 1.0}]

    assert queue.compute_analytics_summary(records) == {"functions": {}}
    assert queue.ANALYTICS_MAX_EVENTS == 200


def test_open_tunnels_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = []

    class Tunnel:
        def kill(self) -> None:
            killed.append(self)

    tunnels = [Tunnel(), Tunnel()]
    monkeypatch.setattr("classifier.gradio_internals.tunnels.CURRENT_TUNNELS", tunnels)
    close_tunnels()

    assert killed == tunnels
    assert isinstance(gradio.tunneling.CURRENT_TUNNELS, list)


def test_an_idle_queue_rests(app: App) -> None:
    async def work() -> None:
        queue = app.queue
        assert queue.sleep_when_free == IDLE_SLEEP_SECONDS
        assert queue.progress_update_sleep_when_free == IDLE_SLEEP_SECONDS
        await push(app, "pretzel.jpg", "tiny")
        assert queue.sleep_when_free < 0.01
        queue._last_push -= ACTIVE_SECONDS
        assert queue.sleep_when_free == IDLE_SLEEP_SECONDS

    run(work())


def test_clients_learn_their_place(app: App) -> None:
    async def work() -> list[int]:
        for number in range(3):
            await push(app, "pretzel.jpg", "tiny", session=str(number))
        await asyncio.sleep(0)
        messages = [app.queue.pending_messages_per_session[str(number)] for number in range(3)]
        return [queue.get_nowait().rank for queue in messages]

    assert run(work()) == [0, 1, 2]
