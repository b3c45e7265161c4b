"""What a database of jobs can do. There are two: SQLite, and PostgreSQL for several servers."""

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from classifier.inference.prediction import Prediction
from classifier.jobs.job import Job, Status

OnChange = Callable[[str | None], None]


@dataclass(frozen=True)
class Taken:
    """What changed in the jobs of a server: `new` ones, and the IDs of those that are `gone`.

    A job that is gone has ended, or another server has it.
    """

    new: list[Job]
    gone: set[str]


class JobDatabase(Protocol):
    """An open database of jobs, for one server.

    Methods that return a future return immediately. The future raises JobStoreError if the
    database cannot be read or written. When the future of a change is done, the change
    survives a power failure.
    """

    def watch(self, on_change: OnChange) -> None:
        """Calls `on_change`, in another thread, when the jobs of this server may have changed.

        The argument is the ID of a job that another server has ended. None stands for any
        change: it is time to call `take`.
        """

    def take(self, known: Collection[str], room: int) -> "Future[Taken]":
        """Takes up to `room` unfinished jobs that no living server has, the oldest first.

        `known` are the IDs of the unfinished jobs that this server knows of.
        """

    def release(self, ids: Collection[str]) -> "Future[list[str]]":
        """Lets other servers take these jobs now; returns the IDs of those that they can take."""

    def add(
        self,
        job: Job,
        picture: BinaryIO | None = None,
        key: str | None = None,
        before: float = 0.0,
    ) -> "Future[Job]":
        """Adds a job with its picture, or returns the existing job with the idempotency key.

        An existing job that finished before the time `before` is replaced. The future raises
        NoRoomError if there are too many pictures.
        """

    def picture(self, id: str) -> "Future[Path | bytes]":
        """Returns the uploaded picture of an unfinished job."""

    def start(self, id: str) -> "Future[bool]":
        """Counts a start of a job; the future returns whether this server may run it.

        The count survives a crash of this process immediately, and a power failure after a
        short time.
        """

    def end(
        self,
        id: str,
        status: Status,
        finished: float,
        prediction: Prediction | None = None,
        error: str | None = None,
    ) -> "Future[bool]":
        """Ends a job that has not ended, and deletes its picture.

        The future returns whether this call ended the job.
        """

    def find(self, id: str) -> "Future[Job | None]":
        """Finds a job by its ID."""

    def find_key(self, key: str) -> "Future[Job | None]":
        """Finds a job by its idempotency key."""

    def statuses(self, ids: Collection[str]) -> "Future[dict[str, Status]]":
        """Returns the statuses of those of the jobs that exist."""

    def expire(self, before: float, kept: int, limit: int) -> "Future[int]":
        """Deletes ended jobs that are too old; returns how many, roughly `limit` at most.

        Too old are jobs that finished before the time `before`, and jobs that are not among
        the `kept` newest ones.
        """

    def probe(self, time: float) -> "Future[None]":
        """Writes a few bytes to check that this is possible."""

    def close(self, interrupted: Iterable[str] = ()) -> None:
        """Makes all changes that were requested, and closes the database.

        The starts of interrupted jobs are taken back: they did not cause the stop.
        """
