"""
Gradio 6.31: keeps a session with a copy of the whole page for each call of a program.
Without it: tests/gradio_internals/test_served.py::test_calls_leave_no_sessions_behind
Remove when: calls without a `session_hash` create no session.
"""

from types import SimpleNamespace
from typing import Any

from gradio.blocks import Blocks
from gradio.state_holder import SessionState, StateHolder

from classifier.gradio_internals.queue_session_limits import MAX_SESSION_NAME


class SmallSession(SessionState):
    """A session without the description of the page, which only deep links need."""

    def __init__(self, page: Blocks) -> None:
        super().__init__(SimpleNamespace(default_config=page.default_config, blocks={}))

    def _update_value_in_config(self, key: int, value: Any) -> None:
        pass


class Sessions(StateHolder):
    """Keeps the sessions of browsers, and none for calls: they would push out the others."""

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            session = SmallSession(self.blocks)
            # A call without a session has the ID of its event as its session name.
            is_call = session_id in self.blocks._queue.event_ids_to_events
            if is_call or len(session_id) > MAX_SESSION_NAME:
                return session
            self.session_data[session_id] = session
        return super().__getitem__(session_id)


def replace_sessions(page: Blocks) -> None:
    """Replaces the sessions of a page right after its launch."""
    page.app.state_holder = Sessions()
    page.app.state_holder.set_blocks(page)
