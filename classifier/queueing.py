"""Gradio's queue and sessions, mended where they would stop, grow or slow down.

Each override leans on Gradio's own method where it can; `tests/test_queueing.py` pins most
of what lies beneath.
"""

import math
import time
from asyncio import Queue as Mailbox
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import gradio
from fastapi import Depends
from fastapi.routing import APIRoute
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event
from gradio.route_utils import get_fn
from gradio.routes import App
from gradio.server_messages import (
    EstimationMessage,
    EventMessage,
    ProcessCompletedMessage,
    ProcessStartsMessage,
)
from gradio.state_holder import SessionState, StateHolder

INFERENCE = "inference"  # what all events have in common that run a model
SWEEP_EVERY = 100  # events
MEASURED = 20  # jobs that tell how fast the queue moves
LONGEST_SESSION = 64  # characters of a name that the caller chooses
MOST_UNREAD = 500  # jobs of one session that run, wait or were not read
MOST_SECONDS = 60  # to wait, however long nobody came
SOME_SECONDS = 5  # to wait where nothing was measured yet
LOGIN_CHECK = "/gradio_api/login_check"
USER = "/gradio_api/user"
BUSY = (
    "/gradio_api/call/{api_name}",
    "/gradio_api/call/{api_name}/{event_id}",
    "/gradio_api/queue/join",
    "/gradio_api/queue/data",
)


class Queue(gradio.queueing.Queue):
    """Gradio's queue, at a cost that grows neither with what is done nor with what waits.

    Events of the session `own` are the server's. They have no mailbox: `hear` is told what
    there is to say, and `part` that one has left, however it came to that. While `crowd`
    counts jobs that wait to come in, or a `refusal` is set, nobody else gets a place.
    """

    own = ""
    refusal = ""
    ends: "deque[float]"
    hear: Callable[[Event, EventMessage], None]
    part: Callable[[Event], None]
    crowd: Callable[[], int]

    def open(self) -> None:
        """What Gradio's own constructor does not know of."""
        self.ends = deque(maxlen=MEASURED)
        self.hear = lambda event, message: None
        self.part = lambda event: None
        self.crowd = lambda: 0

    def room(self) -> int:
        """How many more may wait."""
        return 1_000_000 if self.max_size is None else self.max_size - len(self)

    def seconds_to_wait(self) -> int:
        """How long it takes until a place is free, as fast as the last jobs ended."""
        if len(self.ends) < 2:
            return SOME_SECONDS
        pace = (time.monotonic() - self.ends[0]) / len(self.ends)
        return min(max(1, math.ceil(pace)), MOST_SECONDS)

    async def process_events(self, events: list[Event], *values: Any) -> None:
        """Gradio's own; then those are measured that ran a model."""
        try:
            await super().process_events(events, *values)
        finally:
            for event in events:
                if event.concurrency_id == INFERENCE:
                    self.ends.append(time.monotonic())
                if event.session_hash == self.own:
                    self.part(event)

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """Sends to whoever asked, if anyone can still hear it.

        Gradio keeps the mailboxes of 2,000 sessions. A message to one that had to make room
        would stop the queue, for everyone and for good. And it wakes a reader of /call for
        news that /call does not pass on.
        """
        if event.session_hash == self.own:
            self.hear(event, event_message)
            return
        called = event.session_hash == event._id
        if called and isinstance(event_message, EstimationMessage | ProcessStartsMessage):
            return
        try:
            super().send_message(event, event_message)
        except KeyError:
            event.alive = False

    async def push(self, body: PredictBodyInternal, request: Any, username: str | None) -> Any:
        """Gradio's own; but what is known already is answered at once, full or not."""
        if self.refusal:
            return False, self.refusal, "queue_full"
        self._sweep()
        session = body.session_hash or ""
        if len(session) > LONGEST_SESSION:
            return False, f"The session_hash has more than {LONGEST_SESSION} characters.", "error"
        if body.fn_index is None:  # which Gradio refuses
            return await super().push(body, request, username)
        if len(self.pending_event_ids_session.get(session, ())) >= MOST_UNREAD:
            return False, "Too many of your answers wait to be read.", "queue_full"
        fn = get_fn(self.blocks, None, body)
        recall: Callable[..., Any] = getattr(fn.fn, "recall", _nothing)
        answer = recall(*(body.data or ()))
        if answer is None and body.session_hash == self.own:
            pushed = await super().push(body, request, username)
            self.pending_messages_per_session.pop(self.own, None)
            self.pending_event_ids_session.pop(self.own, None)
            return pushed
        if answer is None and self.crowd():
            return False, f"Queue is full. Max size is {self.max_size}.", "queue_full"
        if answer is None:
            return await super().push(body, request, username)
        event = Event(body.session_hash, fn, request, username)
        session = event.session_hash
        if session not in self.pending_messages_per_session:
            self.pending_messages_per_session[session] = Mailbox()
        self.pending_event_ids_session.setdefault(session, set()).add(event._id)
        output = {"data": [answer], "is_generating": False, "duration": 0.0}
        self.send_message(
            event, ProcessCompletedMessage(output=output, success=True, used_cache="full")
        )
        return True, event._id, "success"

    def _sweep(self) -> None:
        """Forgets, from time to time, the sessions that wait for nothing.

        Gradio remembers for ever that each had something to wait for, and looks through all
        of them whenever an answer is collected that is there already.
        """
        self.pushes = getattr(self, "pushes", 0) + 1
        if self.pushes % SWEEP_EVERY == 0:
            for session, events in list(self.pending_event_ids_session.items()):
                if not events or session not in self.pending_messages_per_session:
                    del self.pending_event_ids_session[session]

    def compute_analytics_summary(self, records: Any) -> Any:
        """Nothing: the page that it is for is not served."""
        return self.cached_event_analytics_summary

    def broadcast_estimations(self, concurrency_id: str, after: int | None = None) -> None:
        """Tells those who wait of their place and time; with `after`, only who came last.

        Gradio would count through all who wait whenever one more comes. What is left of the
        jobs that run is not counted here, but whenever all are told.
        """
        if after is None:
            super().broadcast_estimations(concurrency_id)
            return
        waiting = self.event_queue_per_concurrency_id[concurrency_id]
        turns = 1 + after / (waiting.concurrency_limit or math.inf)
        for event in waiting.queue[after:]:
            known = event.fn in self.process_time_per_fn
            seconds = self.process_time_per_fn[event.fn].avg_time * turns if known else None
            message = EstimationMessage(rank=after, rank_eta=seconds, queue_size=len(waiting.queue))
            self.send_message(event, message)


class Session(SessionState):
    """What Gradio keeps of a session, without a description of the whole page.

    Gradio keeps one, up to date with every value, for links to a state of the page, which
    are not offered here.
    """

    def __init__(self, page: gradio.Blocks) -> None:
        super().__init__(SimpleNamespace(default_config=page.default_config, blocks={}))

    def _update_value_in_config(self, key: int, value: Any) -> None:
        pass


class Sessions(StateHolder):
    """Gradio's sessions, kept only for those who may come again.

    Every call of a program without a session of its own is one to Gradio, and would push
    out those of browsers.
    """

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            session = Session(self.blocks)
            # One that is named like an event has no other; the longest are refused elsewhere.
            called = session_id in self.blocks._queue.event_ids_to_events
            if called or len(session_id) > LONGEST_SESSION:
                return session
            self.session_data[session_id] = session
        return super().__getitem__(session_id)


def hasten(app: App) -> None:
    """The routes of jobs, looked at before Gradio's eighty others, and without a thread.

    Whoever asks is checked by Gradio's own function, which is not worth a thread for itself,
    and not at all where Gradio asks nobody who they are.
    """
    included = next(route for route in app.router.routes if hasattr(route, "original_router"))
    routes = [route for route in included.original_router.routes if isinstance(route, APIRoute)]
    allow = next(route.endpoint for route in routes if route.path == LOGIN_CHECK)
    who = next(route.endpoint for route in routes if route.path == USER)

    async def check(user: str | None = Depends(who)) -> None:
        allow(user)

    guarded = app.auth is not None or app.auth_dependency is not None
    app.router.routes[:0] = [
        APIRoute(
            route.path,
            route.endpoint,
            methods=route.methods,
            dependencies=[Depends(check)] if guarded else [],
            include_in_schema=False,
        )
        for route in routes
        if route.path in BUSY
    ]


def _nothing(*values: Any) -> None:
    return None
