"""A job: the data that is stored, and the state of a job that has not ended."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

from classifier.inference.prediction import Prediction

Status = Literal["queued", "started", "finished", "failed", "canceled"]

FAILED = "The server failed to process this; its log has the details."


@dataclass(frozen=True)
class Job:
    """A request and its outcome. Times are in seconds since 1970.

    Jobs with the same `request` ask for the same thing. `upload_bytes` is the size of the
    uploaded picture, 0 for a picture of the gallery. `starts` counts how often the job was
    started.
    """

    id: str
    request: str
    model: str
    image: str
    upload_bytes: int
    created: float
    status: Status = "queued"
    starts: int = 0
    finished: float | None = None
    prediction: Prediction | None = None
    error: str | None = None


@dataclass
class ActiveJob:
    """A job that has not ended.

    `cache_key` finds its result in the cache of predictions. `is_stored` says whether the job
    is in the job store; if it is not, `picture` is its uploaded picture. `download_fraction` is
    the progress of its model's download, in 0-1. `task` runs the job since the time `started`.
    `queue_exits` counts how often the job left Gradio's queue. `failure` is the kind of its error.
    `caller` is who has sent it, as long as this server runs; nobody knows it afterwards.
    """

    job: Job
    cache_key: Hashable | None = None
    is_stored: bool = True
    picture: bytes | None = None
    download_fraction: float | None = None
    task: "asyncio.Task[None] | None" = None
    queue_exits: int = 0
    started: float | None = None
    failure: str = ""
    caller: str = ""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def update(self, job: Job) -> None:
        """Replaces the job and wakes everyone who waits for a change."""
        self.job = job
        self.changed.set()
        self.changed = asyncio.Event()


@dataclass(frozen=True)
class JobState:
    """A snapshot of a job.

    `position` is the number of jobs before it in the queue, and `eta_seconds` the estimated
    time until its result. Both are None if they are unknown. `problem` is a sentence if no
    job can run now.
    """

    job: Job
    position: int | None = None
    eta_seconds: float | None = None
    download_fraction: float | None = None
    is_stored: bool = True
    problem: str | None = None
