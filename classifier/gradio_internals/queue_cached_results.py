"""
Gradio 6.31: `gr.cache` answers known requests only while the queue has room, after a full call.
Without it: tests/gradio_internals/test_queue.py::test_a_full_queue_still_returns_cached_results
Remove when: `gr.cache` is consulted before the queue's limit.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event, Queue
from gradio.route_utils import get_fn
from gradio.server_messages import ProcessCompletedMessage


class CachedResults(Queue):
    """Returns the result of an endpoint's `cached` function immediately, without queueing.

    `cached` is called with the values of the request and returns a result or None.
    """

    async def push(self, body: PredictBodyInternal, request: Any, username: str | None) -> Any:
        if body.fn_index is None:  # Gradio rejects it
            return await super().push(body, request, username)
        fn = get_fn(self.blocks, None, body)
        cached: Callable[..., Any] = getattr(fn.fn, "cached", _nothing)
        result = cached(*(body.data or ()))
        if result is None:
            return await super().push(body, request, username)
        event = Event(body.session_hash, fn, request, username)
        session = event.session_hash
        if session not in self.pending_messages_per_session:
            self.pending_messages_per_session[session] = asyncio.Queue()
        self.pending_event_ids_session.setdefault(session, set()).add(event._id)
        output = {"data": [result], "is_generating": False, "duration": 0.0}
        self.send_message(
            event, ProcessCompletedMessage(output=output, success=True, used_cache="full")
        )
        return True, event._id, "success"


def _nothing(*values: Any) -> None:
    return None
