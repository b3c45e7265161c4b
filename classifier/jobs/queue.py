"""The queue that jobs wait in, as far as jobs need to know it."""

from typing import Protocol


class JobQueue(Protocol):
    """A queue that calls `JobService.run` with the ID of each job when its turn comes.

    The server passes in an implementation: Gradio's own queue, which jobs share with all
    other requests.
    """

    def length(self) -> int:
        """Returns how many requests wait for a model, jobs and others."""

    def room(self) -> int:
        """Returns how many more requests can wait."""

    def seconds_to_wait(self) -> int:
        """Estimates after how many seconds a place is free."""

    def running(self) -> int:
        """Returns how many requests run, jobs and others."""

    def count(self, caller: str) -> int:
        """Returns how many requests of a caller wait or run, without jobs."""

    async def push(self, id: str, caller: str) -> bool:
        """Adds a job of a caller; returns False if the queue is full."""

    async def remove(self, id: str) -> None:
        """Removes a job if it is still waiting."""

    def place(self, id: str) -> tuple[int | None, float | None]:
        """Returns the number of requests before a job and the estimated seconds to its end.

        Both are None if they are unknown.
        """
