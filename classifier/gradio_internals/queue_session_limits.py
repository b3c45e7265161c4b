"""
Gradio 6.31: names and numbers of sessions are unlimited, and finished ones are never forgotten.
Without it: tests/gradio_internals/test_queue.py::test_finished_sessions_are_forgotten
Remove when: Gradio limits `session_hash` and the size of `pending_event_ids_session`.
"""

from typing import Any

from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Queue

MAX_SESSION_NAME = 64  # characters; clients choose their session names
MAX_UNREAD = 500  # events of one session that wait, run, or have unread results
CLEANUP_INTERVAL = 100  # events between two cleanups


class SessionLimits(Queue):
    """Limits what one session can occupy, and forgets sessions that have ended."""

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self._pushes = 0

    async def push(self, body: PredictBodyInternal, request: Any, username: str | None) -> Any:
        self._pushes += 1
        if self._pushes % CLEANUP_INTERVAL == 0:
            self._forget_sessions()
        session = body.session_hash or ""
        if len(session) > MAX_SESSION_NAME:
            return False, f"The session_hash has more than {MAX_SESSION_NAME} characters.", "error"
        if len(self.pending_event_ids_session.get(session, ())) >= MAX_UNREAD:
            return False, "This session has too many results that were not read.", "queue_full"
        return await super().push(body, request, username)

    def _forget_sessions(self) -> None:
        """Without this, Gradio would search all sessions ever seen for some results."""
        for session, events in list(self.pending_event_ids_session.items()):
            if not events or session not in self.pending_messages_per_session:
                del self.pending_event_ids_session[session]
