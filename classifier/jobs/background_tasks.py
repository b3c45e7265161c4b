"""Background tasks of an event loop."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from classifier.errors import ClassifierError

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class BackgroundTasks:
    """Keeps references to running tasks, which asyncio itself does not, and logs failures."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
        """Starts a task. The caller may await it or ignore it."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error and not isinstance(error, ClassifierError):
            log.error("a background task failed", exc_info=error)
