"""The queue takes the requests of all callers in turn, and none of them can fill it."""

from collections.abc import Sequence
from typing import Any

import pytest
from gradio.data_classes import PredictBodyInternal
from starlette.exceptions import HTTPException

from classifier.endpoints.endpoint import INFERENCE
from classifier.gradio_internals.job_queue import request_of
from classifier.server.app import App
from tests.support.browsing import PICTURES
from tests.support.server import run

A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"


async def push(app: App, *callers: str, name: str = "classify") -> None:
    """Sends a request of each caller."""
    (number,) = (key for key, fn in app.page.fns.items() if fn.api_name == name)
    for caller in callers:
        request = request_of(caller)
        values: list[Any] = [PICTURES[0], "tiny"]
        body = PredictBodyInternal(data=values, fn_index=number, request=request)
        accepted, message, _ = await app.queue.push(body, request, None)
        assert accepted, message


def waiting(app: App) -> list[str]:
    """The callers of the requests that wait, in their order."""
    return [event.request.client.host for event in app.job_queue._waiting()]


def start(app: App, count: int) -> list[str]:
    """Lets requests start, and returns their callers."""
    app.queue.set_concurrency(INFERENCE, 100)
    started = []
    for _ in range(count):
        events, _, _ = app.queue.get_events()
        started += [event.request.client.host for event in events]
    return started


@pytest.mark.parametrize(
    ("arrived", "order"),
    [
        ([A, A, A, B, C, B], [A, B, C, A, B, A]),
        ([A, B, A, B], [A, B, A, B]),
        ([A, A], [A, A]),
    ],
)
def test_the_next_place_goes_round(app: App, arrived: Sequence[str], order: Sequence[str]) -> None:
    async def work() -> None:
        app.queue.max_size = 100
        await push(app, *arrived)
        assert waiting(app) == order

    run(work())


def test_who_has_waited_does_not_wait_again_behind_a_newcomer(app: App) -> None:
    async def work() -> None:
        app.queue.max_size = 100
        await push(app, A, A, A, A)
        assert start(app, 2) == [A, A]

        await push(app, B)

        assert waiting(app) == [A, B, A]

    run(work())


def test_another_endpoint_does_not_end_the_round(app: App) -> None:
    async def work() -> None:
        app.queue.max_size = 100
        app.queue.set_concurrency(INFERENCE, 0)
        await push(app, A, A, A)
        await push(app, A, A, A, A, A, name="compare")
        for _ in range(5):
            assert app.queue.get_events()

        await push(app, B)

        assert waiting(app) == [A, B, A, A]

    run(work())


def test_who_cancels_loses_no_turn(app: App) -> None:
    async def work() -> None:
        app.queue.max_size = 100
        await push(app, A, A, A, A, B, B)
        for event in [*app.job_queue._waiting()]:
            if event.request.client.host == A:
                await app.queue.remove_from_queue(event._id)

        await push(app, A)

        assert waiting(app) == [B, A, B]

    run(work())


def test_jobs_have_their_turn_like_requests(app: App) -> None:
    async def work() -> None:
        app.queue.max_size = 100
        await push(app, A, A, A)
        await app.job_queue.push("of a", A)
        await app.job_queue.push("of b", B)
        assert waiting(app) == [A, B, A, A, A]
        assert app.job_queue.waiting_ids() == ["of b", "of a"]
        assert app.job_queue.count(A) == 3

    run(work())


def test_one_caller_can_fill_half_of_the_queue(app: App) -> None:
    async def work() -> None:
        app.queue.max_size = 40
        with pytest.raises(HTTPException) as raised:
            await push(app, *[A] * 80)
        assert raised.value.status_code == 429
        assert "your share of the queue: 21 unfinished requests." in raised.value.detail
        assert raised.value.headers
        assert int(raised.value.headers["Retry-After"]) > 0
        # Of 40 places to wait and one to run.
        assert len(waiting(app)) == 21

        with pytest.raises(HTTPException):
            await push(app, *[B] * 80)
        assert waiting(app)[:20] == [A, B] * 10
        await push(app, C)

    run(work())


def test_running_requests_count(app: App) -> None:
    async def work() -> None:
        app.queue.max_size = 10
        await push(app, A, A, A)
        (events, _, _) = app.queue.get_events()
        app.queue.active_jobs = [events]

        assert app.job_queue.count(A) == 3

    run(work())


def test_a_full_queue_is_told_to_who_has_nothing_in_it(app: App) -> None:
    async def work() -> None:
        app.queue.max_size = 2
        await push(app, A, B)
        with pytest.raises(AssertionError, match="Queue is full"):
            await push(app, C)

    run(work())


def test_without_fair_shares_the_first_is_served_first(app: App) -> None:
    async def work() -> None:
        app.queue.max_size = 10
        app.queue.check_caller = None
        await push(app, A, A, A, A, A, A, A, B, A, A)
        assert waiting(app) == [A] * 7 + [B] + [A] * 2

    run(work())
