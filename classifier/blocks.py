"""gr.Blocks, taught to speak plainly to programs that call the endpoints."""

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

import fastapi
import gradio
from gradio.block_function import BlockFunction
from gradio.caching import CacheMissError, _probe_mode_active
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event
from gradio.server_messages import EventMessage, ProcessCompletedMessage
from gradio.utils import get_function_description

from classifier.errors import InputError

INFERENCE = "inference"  # what all events have in common that run a model
MEASURED = 20  # jobs that tell how fast the queue moves
SOME_SECONDS = 5  # to wait where nothing was measured yet

Pushed = tuple[
    bool,
    str | list[dict[str, Any]],
    Literal["success", "error", "queue_full", "validator_error"],
]


class Queue(gradio.queueing.Queue):
    """Gradio's queue, mended where it would stop or grow, and open to the server itself.

    Gradio keeps the mailboxes of 2,000 sessions. A message to one that had to make room
    would stop the queue, for everyone and for good. And it forgets an event when it is done,
    but not one that was answered from memory.

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
        """What Gradio's own constructor cannot know of."""
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
        return max(1, math.ceil(pace))

    async def push(
        self, body: PredictBodyInternal, request: fastapi.Request, username: str | None
    ) -> Pushed:
        """Gradio's own, unless the server stops or others wait to come in."""
        if self.refusal:
            return False, self.refusal, "queue_full"
        if body.session_hash != self.own and self.crowd():
            return False, f"Queue is full. Max size is {self.max_size}.", "queue_full"
        pushed: Pushed = await super().push(body, request, username)
        if body.session_hash == self.own:
            self.pending_messages_per_session.pop(self.own, None)
            self.pending_event_ids_session.pop(self.own, None)
        return pushed

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
        """Sends to whoever asked, if anyone can still hear it."""
        if event.session_hash == self.own:
            self.hear(event, event_message)
            return
        try:
            super().send_message(event, event_message)
        except KeyError:
            event.alive = False
        if isinstance(event_message, ProcessCompletedMessage) and event_message.used_cache:
            self.event_ids_to_events.pop(event._id, None)
            self.blocks.app.iterators.pop(event._id, None)


class Blocks(gradio.Blocks):
    """Describes each parameter of an endpoint from its docstring, and counts what it gets."""

    tickets: Any  # the jobs that last, of the server that serves this page

    def queue(self, *values: Any, **named: Any) -> "Blocks":
        """Gradio's own, with a queue that lasts."""
        super().queue(*values, **named)
        self._queue.__class__ = Queue
        self._queue.open()
        return self

    def get_api_info(self, all_endpoints: bool = False, page: str | None = None) -> Any:
        """Gradio's description of the endpoints, with what the docstrings say of parameters."""
        info = super().get_api_info(all_endpoints, page)
        described = {f"/{function.api_name}": function.fn for function in self.fns.values()}
        for name, endpoint in info["named_endpoints"].items():
            _, parameters, _ = get_function_description(described[name])
            for parameter in endpoint["parameters"]:
                text = parameters.get(parameter["parameter_name"], "")
                parameter["label"] = parameter["parameter_name"]
                parameter["python_type"]["description"] = text
        return info

    async def process_api(self, *values: Any, **named: Any) -> Any:
        """Gradio's own; an error of a look into the memory of answers is no error yet.

        Gradio looks there before it queues a question, and would answer 500 to whatever is
        wrong with it. Asked in its turn it gets its sentence.
        """
        try:
            return await super().process_api(*values, **named)
        except Exception as error:
            if _probe_mode_active.get():
                raise CacheMissError from error
            raise

    def validate_inputs(self, block_fn: BlockFunction, inputs: list[Any]) -> None:
        """Raises gradio.Error unless there is one value for each parameter.

        Gradio itself ignores values too many and answers values too few without a word.
        The page's own events are left to it: it adds a value to the one that cancels.
        """
        if block_fn.api_visibility != "public":
            super().validate_inputs(block_fn, inputs)
        elif len(inputs) != len(block_fn.inputs):
            names = ", ".join(block_fn.input_parameter_names or [])
            raise plain(
                InputError(
                    f"/{block_fn.api_name} takes {len(block_fn.inputs)} values ({names}); "
                    f"{len(inputs)} came."
                )
            )


def plain(error: Exception) -> gradio.Error:
    """An error whose text reaches the caller and leaves no traceback in the log."""
    return gradio.Error(str(error), print_exception=False)
