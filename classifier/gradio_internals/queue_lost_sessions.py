"""
Gradio 6.31: a message to a session that is no longer among the newest 2,000 stops the queue.
Without it: tests/gradio_internals/test_queue.py::test_a_lost_session_does_not_stop_the_queue
Remove when: `gradio.queueing.Queue.send_message` ignores sessions that it has dropped.
"""

from gradio.queueing import Event, Queue
from gradio.server_messages import EventMessage


class LostSessions(Queue):
    """Ignores messages to sessions that Gradio has dropped, and stops working for them."""

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        try:
            super().send_message(event, event_message)
        except KeyError:
            event.alive = False
