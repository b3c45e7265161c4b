"""
Gradio 6.31: the limits of what runs at the same time are fixed when the queue starts.
Without it: tests/gradio_internals/test_queue.py::test_the_concurrency_follows_the_cluster
Remove when: `gradio.queueing.Queue` has a call that changes a concurrency limit.
"""

from gradio.queueing import Queue


class Concurrency(Queue):
    """Changes how many events run at the same time."""

    def set_concurrency(self, concurrency_id: str, limit: int) -> None:
        """Sets the limit of the events that share an ID; running ones are not affected."""
        self.event_queue_per_concurrency_id[concurrency_id].concurrency_limit = limit
