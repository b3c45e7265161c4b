"""Work in the background of an event loop."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from classifier.errors import ClassifierError

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class Tasks:
    """Tasks that nobody has to hold: asyncio itself would lose them. What fails is logged."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        """Begins a task; may be awaited or not."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error and not isinstance(error, ClassifierError):
            log.error("a task failed", exc_info=error)
