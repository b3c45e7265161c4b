"""
Gradio 6.31: an event belongs to a client, and disappears with it (gradio#7087, #8708).
Without it: tests/gradio_internals/test_served.py::test_a_job_runs_without_a_client
Remove when: Gradio can queue work of the server itself, or keeps results (gradio#13584).
"""

import math
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event, Queue
from gradio.server_messages import EventMessage

MEASURED_EVENTS = 20  # that tell how fast the queue moves
MAX_SECONDS_TO_WAIT = 60
DEFAULT_SECONDS_TO_WAIT = 5  # before anything was measured


class JobEvents(Queue):
    """Adds events of the server's own jobs, which have the session `job_session`.

    They have no client: `on_message` receives their messages, and `on_exit` is called when
    such an event has left the queue for whatever reason. While `pending_jobs` counts jobs
    that wait for room, the queue is full for other requests.
    """

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self.job_session = secrets.token_hex()
        self.on_message: Callable[[Event, EventMessage], None] = lambda event, message: None
        self.on_exit: Callable[[Event], None] = lambda event: None
        self.pending_jobs: Callable[[], int] = lambda: 0
        self._ends: dict[str, deque[float]] = {}

    async def push(self, body: PredictBodyInternal, request: Any, username: str | None) -> Any:
        if body.session_hash == self.job_session:
            pushed = await super().push(body, request, username)
            self.pending_messages_per_session.pop(self.job_session, None)
            self.pending_event_ids_session.pop(self.job_session, None)
            return pushed
        if self.pending_jobs():
            return False, f"Queue is full. Max size is {self.max_size}.", "queue_full"
        return await super().push(body, request, username)

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        if event.session_hash == self.job_session:
            self.on_message(event, event_message)
        else:
            super().send_message(event, event_message)

    async def process_events(self, events: list[Event], *values: Any) -> None:
        try:
            await super().process_events(events, *values)
        finally:
            for event in events:
                ends = self._ends.setdefault(event.concurrency_id, deque(maxlen=MEASURED_EVENTS))
                ends.append(time.monotonic())
                if event.session_hash == self.job_session:
                    self.on_exit(event)

    def room(self) -> int:
        """Returns how many more events can wait."""
        return 1_000_000 if self.max_size is None else self.max_size - len(self)

    def seconds_to_wait(self, concurrency_id: str) -> int:
        """Estimates when a place is free, from the pace of the last events."""
        ends = self._ends.get(concurrency_id, deque())
        if len(ends) < 2:
            return DEFAULT_SECONDS_TO_WAIT
        pace = (time.monotonic() - ends[0]) / len(ends)
        return min(max(1, math.ceil(pace)), MAX_SECONDS_TO_WAIT)
