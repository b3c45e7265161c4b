"""
Gradio 6.31: SIGTERM ends the process immediately, and every running and waiting event is lost.
Without it: tests/gradio_internals/test_queue.py::test_a_queue_that_stops_rejects_and_tells
Remove when: Gradio has a graceful shutdown.
"""

from typing import Any

from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Queue
from gradio.server_messages import ProcessCompletedMessage


class Shutdown(Queue):
    """Rejects new events after `stop_accepting`, and knows what is still running."""

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self.rejection = ""

    async def push(self, body: PredictBodyInternal, request: Any, username: str | None) -> Any:
        if self.rejection:
            return False, self.rejection, "queue_full"
        return await super().push(body, request, username)

    def stop_accepting(self, reason: str) -> None:
        """Rejects new events, removes all that wait, and sends the reason to their clients."""
        self.rejection = reason
        for line in self.event_queue_per_concurrency_id.values():
            waiting, line.queue[:] = list(line.queue), []
            for event in waiting:
                message = ProcessCompletedMessage(output={"error": reason}, success=False)
                self.send_message(event, message)

    def count_running(self, concurrency_id: str) -> int:
        """Returns how many events with this concurrency ID are running."""
        events = [event for events in self.active_jobs for event in events or []]
        return sum(event.concurrency_id == concurrency_id for event in events)

    def problem(self) -> str | None:
        """Returns why the queue does not accept events, or None if it does."""
        if self.rejection:
            return self.rejection
        # Gradio fills `active_jobs` when the queue starts, and sets `stopped` when it ends.
        return None if self.active_jobs and not self.stopped else "The queue has stopped."
