"""
Gradio 6.31: the limits of what runs at the same time are fixed when the page is built.
Without it: tests/gradio_internals/test_queue.py::test_the_concurrency_follows_the_cluster
Remove when: `gradio.queueing.Queue` has a call that changes a concurrency limit.
"""

from typing import Any

from gradio.blocks import BlockFunction
from gradio.queueing import Queue


class Concurrency(Queue):
    """Changes how many events run at the same time."""

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self._limits: dict[str, int] = {}

    def set_concurrency(self, concurrency_id: str, limit: int) -> None:
        """Sets the limit of the events that share an ID; running ones are not affected."""
        self._limits[concurrency_id] = limit
        self._apply(concurrency_id)

    def create_event_queue_for_fn(self, block_fn: BlockFunction) -> None:
        """Gradio calls this for each event, and takes the lowest limit that it has seen."""
        super().create_event_queue_for_fn(block_fn)
        self._apply(block_fn.concurrency_id)

    def _apply(self, concurrency_id: str) -> None:
        line = self.event_queue_per_concurrency_id.get(concurrency_id)
        if line and concurrency_id in self._limits:
            line.concurrency_limit = self._limits[concurrency_id]
