"""Jobs while they have not ended, and what there is to know of them."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field

from classifier.record import Job

FAILED = "The server failed at this; its log says why."


@dataclass
class Live:
    """A job that has not ended. `part` of its model is fetched, in 0-1, if it is on its way.

    `lasts` says whether it is in the record, and `turns` how often it left Gradio's queue.
    """

    job: Job
    question: Hashable | None = None
    lasts: bool = True
    part: float | None = None
    work: "asyncio.Task[None] | None" = None
    turns: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def become(self, job: Job) -> None:
        """Tells all who wait for a change."""
        self.job = job
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass(frozen=True)
class State:
    """What there is to know of a job now.

    `position` is the number of those before it while it waits, `eta_seconds` the time until
    its answer; either is None where unknown. `lasts` says whether it is in the record.
    """

    job: Job
    position: int | None = None
    eta_seconds: float | None = None
    progress: float | None = None
    lasts: bool = True
