"""The server's own jobs in Gradio's queue, under its limits and in its order.

Gradio puts events there for readers, and drops them when their readers go. These are put
the way its route for the page does it, with a session that no reader has.
"""

import secrets
import time
from collections.abc import Callable

import fastapi
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event
from gradio.server_messages import EstimationMessage, EventMessage

from classifier.blocks import Blocks
from classifier.queueing import INFERENCE, Queue

NAME = "ticket"
# Gradio reads from the request where the page is, and of no other property of it.
REQUEST = fastapi.Request(
    {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "server": ("127.0.0.1", 80),
        "path": "/gradio_api/queue/join",
        "root_path": "",
        "query_string": b"",
        "headers": [],
    }
)


class Line:
    """Jobs by their tickets, each an event of Gradio's queue while it waits there.

    The page's endpoint of the name "ticket" is called with the ticket when it is a job's
    turn; `left` is told when it has left the queue, whether it was called or not.
    """

    def __init__(self, page: Blocks, left: Callable[[str], None], crowd: Callable[[], int]) -> None:
        self._queue: Queue = page._queue
        self._function = next(key for key, fn in page.fns.items() if fn.api_name == NAME)
        self._left = left
        self._events: dict[str, Event] = {}
        self._ends: dict[str, float] = {}
        self._queue.own = secrets.token_hex()
        self._queue.hear = self._hear
        self._queue.part = self._part
        self._queue.crowd = crowd

    def length(self) -> int:
        """How many jobs wait to run a model, whoever asked."""
        return len(self._waiting())

    def room(self) -> int:
        """How many more may wait."""
        return self._queue.room()

    def seconds_to_wait(self) -> int:
        """How long it takes until a place is free, at the pace of the last jobs."""
        return self._queue.seconds_to_wait()

    def refuse(self, reason: str) -> None:
        """Lets nobody in any more."""
        self._queue.refusal = reason

    async def push(self, ticket: str) -> bool:
        """Puts a job at the end; False if there was no room."""
        body = PredictBodyInternal(
            data=[ticket],
            fn_index=self._function,
            session_hash=self._queue.own,
            request=REQUEST,
        )
        accepted: bool
        accepted, event, _ = await self._queue.push(body, REQUEST, None)
        if accepted:
            self._events[ticket] = self._queue.event_ids_to_events[event]
        return accepted

    async def remove(self, ticket: str) -> None:
        """Takes a job out, if it still waits."""
        event = self._events.get(ticket)
        if event and event in self._waiting():
            await self._queue.remove_from_queue(event._id)
            self._forget(ticket)

    def place(self, ticket: str) -> tuple[int | None, float | None]:
        """How many wait before it, and the seconds until its answer; None where unknown."""
        event = self._events.get(ticket)
        waiting = self._waiting()
        if event not in waiting:
            return None, None
        end = self._ends.get(ticket)
        return waiting.index(event), end and max(0.0, end - time.monotonic())

    def _waiting(self) -> list[Event]:
        lines = self._queue.event_queue_per_concurrency_id
        return lines[INFERENCE].queue if INFERENCE in lines else []

    def _hear(self, event: Event, message: EventMessage) -> None:
        if isinstance(message, EstimationMessage) and message.rank_eta is not None:
            self._ends[_ticket(event)] = time.monotonic() + message.rank_eta

    def _part(self, event: Event) -> None:
        self._forget(_ticket(event))
        self._left(_ticket(event))

    def _forget(self, ticket: str) -> None:
        self._events.pop(ticket, None)
        self._ends.pop(ticket, None)


def _ticket(event: Event) -> str:
    ticket: str = event.data.data[0]
    return ticket
