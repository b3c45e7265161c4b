"""Jobs of other servers that clients of this one wait for."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection

from classifier.errors import ClassifierError
from classifier.jobs.background_tasks import BackgroundTasks
from classifier.jobs.job import Status

POLL_SECONDS = 0.5


class WatchedJobs:
    """Waits for jobs. One query a time asks for all of them, however many clients wait."""

    def __init__(
        self,
        statuses: Callable[[Collection[str]], Awaitable[dict[str, Status]]],
        tasks: BackgroundTasks,
    ) -> None:
        """`statuses` returns the statuses of those jobs that exist."""
        self._ask = statuses
        self._tasks = tasks
        self._clients: Counter[str] = Counter()  # by the job that they wait for
        self._answer: asyncio.Future[dict[str, Status] | None]
        self._poll_task: asyncio.Task[None] | None = None

    async def wait(self, id: str, status: Status) -> None:
        """Waits until a job has another status, or does not exist any more."""
        self._clients[id] += 1
        if self._poll_task is None or self._poll_task.done():
            self._answer = asyncio.get_running_loop().create_future()
            self._poll_task = self._tasks.spawn(self._poll())
        try:
            while True:
                statuses = await asyncio.shield(self._answer)
                if statuses is not None and statuses.get(id) != status:
                    return
        finally:
            self._clients[id] -= 1

    async def _poll(self) -> None:
        """Asks again and again while there are clients."""
        while ids := list(+self._clients):
            # Clients that come from here on wait for the next answer.
            answer, self._answer = self._answer, asyncio.get_running_loop().create_future()
            try:
                answer.set_result(await self._ask(ids))
            except ClassifierError:
                answer.set_result(None)
            await asyncio.sleep(POLL_SECONDS)
            self._clients = +self._clients
