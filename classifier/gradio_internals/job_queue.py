"""
Gradio 6.31: only requests of clients reach the queue; there is no call to add one.
Without it: tests/gradio_internals/test_job_queue.py::test_jobs_wait_in_order_and_know_their_place
Remove when: Gradio can queue work of the server itself, and tells its position.
"""

import time
from collections.abc import Callable

import fastapi
from gradio.blocks import Blocks
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event
from gradio.server_messages import EstimationMessage, EventMessage

from classifier.gradio_internals.queue import Queue


def request_of(caller: str = "") -> fastapi.Request:
    """Returns a request of a caller. Gradio reads the address of the page from it."""
    return fastapi.Request(
        {
            "type": "http",
            "method": "POST",
            "scheme": "http",
            "client": (caller, 0),
            "server": ("127.0.0.1", 80),
            "path": "/gradio_api/queue/join",
            "root_path": "",
            "query_string": b"",
            "headers": [],
        }
    )


class GradioJobQueue:
    """Puts jobs into Gradio's queue, under the same limits and in the same order as requests.

    When the turn of a job comes, Gradio calls the endpoint `api_name` with the job's ID.
    `on_exit` is called with the ID after the job has left the queue, called or not. While
    `pending` counts jobs that wait for room, the queue is full for other requests.
    """

    def __init__(
        self,
        page: Blocks,
        api_name: str,
        on_exit: Callable[[str], None],
        pending: Callable[[], int],
    ) -> None:
        self._queue: Queue = page._queue
        functions = {function.api_name: key for key, function in page.fns.items()}
        self._function = functions[api_name]
        self._concurrency_id: str = page.fns[self._function].concurrency_id
        self._on_exit = on_exit
        self._events: dict[str, Event] = {}
        self._estimated_ends: dict[str, float] = {}
        self._queue.on_message = self._receive
        self._queue.on_exit = self._exit
        self._queue.pending_jobs = pending

    def length(self) -> int:
        """Returns how many requests wait for a model, jobs and others."""
        return len(self._waiting())

    def room(self) -> int:
        """Returns how many more requests can wait."""
        return self._queue.room()

    def seconds_to_wait(self) -> int:
        """Estimates after how many seconds a place is free."""
        return self._queue.seconds_to_wait(self._concurrency_id)

    def running(self) -> int:
        """Returns how many requests run, jobs and others."""
        return self._queue.count_running(self._concurrency_id)

    def count(self, caller: str) -> int:
        """Returns how many requests of a caller wait or run, without jobs."""
        return self._queue.count(caller)

    async def push(self, id: str, caller: str) -> bool:
        """Adds a job of a caller; returns False if the queue is full."""
        request = request_of(caller)
        body = PredictBodyInternal(
            data=[id],
            fn_index=self._function,
            session_hash=self._queue.job_session,
            request=request,
        )
        accepted: bool
        accepted, event, _ = await self._queue.push(body, request, None)
        if accepted:
            self._events[id] = self._queue.event_ids_to_events[event]
        return accepted

    async def remove(self, id: str) -> None:
        """Removes a job if it is still waiting."""
        event = self._events.get(id)
        if event and event in self._waiting():
            await self._queue.remove_from_queue(event._id)
            self._forget(id)

    def place(self, id: str) -> tuple[int | None, float | None]:
        """Returns the number of requests before a job and the estimated seconds to its end."""
        event = self._events.get(id)
        waiting = self._waiting()
        if event not in waiting:
            return None, None
        end = self._estimated_ends.get(id)
        return waiting.index(event), end and max(0.0, end - time.monotonic())

    def waiting_ids(self) -> list[str]:
        """Returns the IDs of the waiting jobs in their order."""
        return [_id(event) for event in self._waiting() if event in self._events.values()]

    def _waiting(self) -> list[Event]:
        lines = self._queue.event_queue_per_concurrency_id
        return lines[self._concurrency_id].queue if self._concurrency_id in lines else []

    def _receive(self, event: Event, message: EventMessage) -> None:
        if isinstance(message, EstimationMessage) and message.rank_eta is not None:
            self._estimated_ends[_id(event)] = time.monotonic() + message.rank_eta

    def _exit(self, event: Event) -> None:
        self._forget(_id(event))
        self._on_exit(_id(event))

    def _forget(self, id: str) -> None:
        self._events.pop(id, None)
        self._estimated_ends.pop(id, None)


def _id(event: Event) -> str:
    id: str = event.data.data[0]
    return id
