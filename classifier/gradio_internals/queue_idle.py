"""
Gradio 6.31: an idle queue wakes up 1,100 times a second, which takes 10 % of a slow processor.
Without it: tests/gradio_internals/test_queue.py::test_an_idle_queue_rests
Remove when: Gradio's queue waits for events instead of polling.
"""

import time
from typing import Any

from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Queue

ACTIVE_SECONDS = 1.0  # after an event, the queue polls as often as Gradio does
IDLE_SLEEP_SECONDS = 0.02


class Idle(Queue):
    """Polls less often when no event has arrived recently."""

    def __init__(self, *values: Any, **named: Any) -> None:
        self._last_push = -ACTIVE_SECONDS
        super().__init__(*values, **named)

    async def push(self, body: PredictBodyInternal, request: Any, username: str | None) -> Any:
        self._last_push = time.monotonic()
        return await super().push(body, request, username)

    def _sleep(self, seconds: float) -> float:
        is_active = time.monotonic() - self._last_push < ACTIVE_SECONDS
        return seconds if is_active else IDLE_SLEEP_SECONDS

    @property
    def sleep_when_free(self) -> float:
        """The seconds between two looks for events."""
        return self._sleep(self._sleep_when_free)

    @sleep_when_free.setter
    def sleep_when_free(self, seconds: float) -> None:
        self._sleep_when_free = seconds

    @property
    def progress_update_sleep_when_free(self) -> float:
        """The seconds between two looks for progress to report."""
        return self._sleep(self._progress_sleep)

    @progress_update_sleep_when_free.setter
    def progress_update_sleep_when_free(self, seconds: float) -> None:
        self._progress_sleep = seconds
