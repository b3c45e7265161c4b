"""Jobs that were accepted and wait outside of Gradio's queue."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

from classifier.endpoints import Endpoints
from classifier.errors import ClassifierError
from classifier.jobs import FAILED, Live
from classifier.line import Line
from classifier.tasks import Tasks

log = logging.getLogger(__name__)
FEED_SECONDS = 0.05


class Backlog:
    """They wait for their model to be fetched, and then for room in the queue.

    In both in the order in which they came. `fail` is told of those whose model cannot be
    had, and why.
    """

    def __init__(
        self, line: Line, endpoints: Endpoints, fail: Callable[[Live, str], None], tasks: Tasks
    ) -> None:
        self._line = line
        self._endpoints = endpoints
        self._fail = fail
        self._tasks = tasks
        self._outside: set[str] = set()  # accepted or about to be, and not in the queue
        self._fetching: dict[str, dict[str, Live]] = {}  # by model and ticket
        self._waiting: OrderedDict[str, Live] = OrderedDict()
        self._feeding = asyncio.Lock()
        self._closed = False

    def __len__(self) -> int:
        """How many wait for room."""
        return len(self._waiting)

    def has_room(self) -> bool:
        """Whether one more can be accepted."""
        return len(self._outside) < self._line.room()

    def position(self, ticket: str) -> int | None:
        """How many wait before one that waits for room."""
        if ticket not in self._waiting:
            return None
        return self._line.length() + list(self._waiting).index(ticket)

    def expect(self, ticket: str) -> None:
        """Counts a job that is about to be accepted."""
        self._outside.add(ticket)

    def drop(self, ticket: str) -> None:
        """Forgets a job, wherever it waits."""
        self._outside.discard(ticket)
        self._waiting.pop(ticket, None)
        for group in self._fetching.values():
            group.pop(ticket, None)

    def add(self, live: Live) -> None:
        """Puts a job at the end of those who wait for the same as it does."""
        ticket, name = live.job.id, live.job.model
        self.expect(ticket)
        model = self._endpoints.classifier.catalog.get(name)
        if name in self._fetching:
            self._fetching[name][ticket] = live
        elif model is None or self._endpoints.classifier.engine.is_ready(model):
            self._waiting[ticket] = live
        else:
            self._fetching[name] = {ticket: live}
            self._tasks.spawn(self._fetch(name))

    async def feed(self) -> None:
        """Lets those in who wait for room, while there is any."""
        async with self._feeding:
            while self._waiting and self._line.room() > 0 and not self._closed:
                ticket = next(iter(self._waiting))
                if not await self._line.push(ticket):
                    return
                if self._waiting.pop(ticket, None) is None:  # dropped meanwhile
                    await self._line.remove(ticket)
                self._outside.discard(ticket)

    async def keep_feeding(self) -> None:
        """Feeds until it is closed."""
        while not self._closed:
            await asyncio.sleep(FEED_SECONDS)
            if self._waiting:
                await self.feed()

    def close(self) -> None:
        """Lets nobody in any more."""
        self._closed = True

    async def _fetch(self, name: str) -> None:
        group = self._fetching[name]

        def report(part: float) -> None:
            for live in group.values():
                live.part = part

        report(0.0)
        reason = None
        try:
            await self._endpoints.bring(self._endpoints.classifier.model(name), report)
        except ClassifierError as error:
            reason = str(error)
        except Exception:
            log.exception("fetching %s failed", name)
            reason = FAILED
        del self._fetching[name]
        for ticket, live in group.items():
            live.part = None
            if reason is None:
                self._waiting[ticket] = live
            else:
                self._fail(live, reason)
        await self.feed()
