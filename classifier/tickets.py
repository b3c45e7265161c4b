"""Jobs that last: put for a ticket, asked for as often as one likes, ended exactly once."""

import asyncio
import logging
import secrets
import sqlite3
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Coroutine, Hashable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from classifier import images
from classifier.blocks import Blocks
from classifier.deposit import MOST_BYTES, Deposit, digest, too_large
from classifier.endpoints import Endpoints
from classifier.endpoints.core import Source
from classifier.errors import (
    BusyError,
    ClassifierError,
    InputError,
    RecordError,
    RecordHeldError,
)
from classifier.line import Line
from classifier.predict import Prediction
from classifier.record import Job, Record, Status

log = logging.getLogger(__name__)

# A job that was begun so often, and never ended, ends the server and is begun no more.
MOST_STARTS = 5
REMEMBERED = 1000  # answers, and jobs that have ended
FEED_SECONDS = 0.05
RETRY_SECONDS = 1.0
EXPIRY_SECONDS = 60.0
EXPIRED_AT_ONCE = 500
STOPPING = "The server is stopping; ask again when it has started."


@dataclass
class Live:
    """A job that has not ended. `part` of its model is fetched, in 0-1, if it is on its way.

    `turns` is how often it left Gradio's queue.
    """

    job: Job
    question: Hashable | None = None
    part: float | None = None
    work: "asyncio.Task[None] | None" = None
    turns: int = 0
    ending: bool = False
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
    its answer; either is None where unknown.
    """

    job: Job
    position: int | None = None
    eta_seconds: float | None = None
    progress: float | None = None


class Tickets:
    """The jobs of one server; all but `__init__` runs in its event loop.

    A job is in the record before its ticket is given out. It waits for its model to be
    fetched, then in the backlog until there is room in Gradio's queue, then there.
    """

    def __init__(self, endpoints: Endpoints, folder: Path, result_hours: float) -> None:
        self.endpoints = endpoints
        self._folder = folder
        self._seconds = result_hours * 3600
        self._record: Record | None = None
        self._trouble: ClassifierError = BusyError("The server is starting.", 1)
        self._deposit = Deposit(folder / "pictures")
        self._line: Line
        self.loop: asyncio.AbstractEventLoop
        self._live: dict[str, Live] = {}
        self._outside: set[str] = set()  # accepted, and not yet in Gradio's queue
        self._backlog: OrderedDict[str, Live] = OrderedDict()
        self._feeding = asyncio.Lock()
        self._ended: OrderedDict[str, Job] = OrderedDict()
        self._answers: OrderedDict[Hashable, Prediction] = OrderedDict()
        self._unwritten: set[str] = set()  # jobs that need not last, and cannot
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def join(self, page: Blocks) -> None:
        """Takes its place in the queue of a page, before `open`."""
        self._line = Line(page, self._leave, lambda: len(self._backlog))

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """Open for as long as an application is served, by the event loop that runs then."""
        self.loop = asyncio.get_running_loop()
        await self.open()
        try:
            yield
        finally:
            await self.close()

    async def open(self) -> None:
        """Takes up what an earlier server left; in the background if another one still runs."""
        self._stopping = False
        try:
            await self._take_over()
        except RecordHeldError as error:
            print(f"{error} Until then there are no tickets.")
            self._trouble = error
            self._spawn(self._wait_for_record())
        except ClassifierError as error:
            print(f"{error} There are no tickets.")
            self._trouble = error

    async def _wait_for_record(self) -> None:
        while self._record is None and not self._stopping:
            await asyncio.sleep(RETRY_SECONDS)
            with suppress(RecordHeldError):
                await self._take_over()

    async def _take_over(self) -> None:
        self._record = record = await asyncio.to_thread(Record, self._folder)
        jobs = record.unfinished()
        uploaded = [job.id for job in jobs if job.uploaded]
        await asyncio.to_thread(self._deposit.open, uploaded)
        for job in jobs:
            live = self._live[job.id] = Live(replace(job, status="queued"))
            if job.starts >= MOST_STARTS:
                reason = f"The server ended {job.starts} times while it worked on this."
                self._spawn(self._end(live, "failed", error=reason))
            else:
                self._outside.add(job.id)
                self._prepare(live)
        await self._feed()
        self._spawn(self._keep_feeding())
        self._spawn(self._keep_expiring())

    async def put(
        self,
        model: object,
        image: object,
        picture: BinaryIO | None = None,
        key: str | None = None,
        must_last: bool = True,
    ) -> Job:
        """Accepts a job: it is on the disk when this returns, and will end.

        `image` names a picture of the gallery, or calls an uploaded `picture` so. With the
        `key` of an earlier job it is that job. One that need not last is accepted even if it
        cannot be written down. Raises InputError if there is no such model
        or picture or the key was for another question, BusyError and RecordError if nothing
        can be accepted now.
        """
        if self._stopping:
            raise BusyError(STOPPING, self.seconds_to_wait())
        chosen = self.endpoints.classifier.model(model)
        if picture is None:
            path = self.endpoints.classifier.gallery.path(image)
            question: Hashable = _question(path, chosen.name)
            asked, size = f"{chosen.name}/{path.name}", 0
        else:
            size = picture.seek(0, 2)
            if size > MOST_BYTES:
                raise too_large()
            await asyncio.to_thread(images.kind, picture, str(image))
            question = None
            asked = f"{chosen.name}/{await asyncio.to_thread(digest, picture)}"
        if key is not None and (known := await self._find(self._open_record().find_key(key))):
            return _same(known, asked, key)

        job = Job(
            id=secrets.token_urlsafe(16),
            question=asked,
            model=chosen.name,
            image=str(image),
            uploaded=size,
            created=time.time(),
        )
        if answer := self._answers.get(question):
            job = replace(job, status="finished", finished=time.time(), answer=answer)
            return _same(self._keep(await self._accept(job, key, must_last)), asked, key)
        self._check_room(size)
        self._outside.add(job.id)
        try:
            if picture is not None:
                self._deposit.reserve(job.id, size)
                await asyncio.to_thread(self._deposit.put, job.id, picture)
            accepted = await self._accept(job, key, must_last)
        except BaseException as error:
            self._drop(job)
            if isinstance(error, OSError):
                raise _unwritten(error) from error
            raise
        if accepted.id != job.id:  # the same key came twice at once
            self._drop(job)
            return _same(accepted, asked, key)
        live = self._live[job.id] = Live(job, question)
        self._prepare(live)
        await self._feed()
        return live.job

    async def state(self, ticket: str) -> State | None:
        """What has become of a job; None if there is none, or its result has expired."""
        live = self._live.get(ticket)
        if live is None:
            job = await self._past(ticket)
            return State(job) if job else None
        position, seconds = self._line.place(ticket)
        if ticket in self._backlog:
            position = self._line.length() + list(self._backlog).index(ticket)
        return State(live.job, position, seconds, live.part)

    async def wait(self, ticket: str, seconds: float) -> None:
        """Returns when the job's status changes, at once if it has ended, or after so long."""
        live = self._live.get(ticket)
        if live:
            with suppress(TimeoutError):
                await asyncio.wait_for(live.changed.wait(), seconds)

    async def cancel(self, ticket: str) -> None:
        """Ends a job that has not ended, waiting or running. Raises RecordError."""
        live = self._live.get(ticket)
        if live is None or live.ending or self._stopping:
            return
        await self._end(live, "canceled", patient=False)
        if live.work:
            live.work.cancel()
        await self._line.remove(ticket)

    async def run(self, ticket: str) -> str:
        """What Gradio's queue calls in a job's turn. Its place is free when this returns."""
        live = self._live.get(str(ticket))  # whatever it is that somebody sends
        if live and not live.ending and not live.work:
            live.work = self._spawn(self._work(live))
            # Who calls may be stopped; who works is not.
            await asyncio.wait([live.work])
        return ticket

    async def probe(self) -> None:
        """Raises RecordError unless jobs can be written down."""
        try:
            await asyncio.wrap_future(self._open_record().probe(time.time()))
        except sqlite3.Error as error:
            raise _unwritten(error) from error

    def lasts(self, ticket: str) -> bool:
        """Whether a job that was accepted is in the record."""
        return ticket not in self._unwritten

    def waiting(self) -> int:
        """How many jobs wait to run a model, whoever asked."""
        return self._line.length() + len(self._backlog)

    def busy(self) -> bool:
        """Whether a job runs, or what became of one is still to be written."""
        return any(live.work or live.ending for live in self._live.values())

    def refuse(self) -> None:
        """Accepts nothing more: the server stops."""
        self._stopping = True

    async def close(self) -> None:
        """Leaves what has not ended to the next server."""
        self._stopping = True
        record, self._record = self._record, None
        self._trouble = BusyError(STOPPING, self.seconds_to_wait())
        if record is None:
            return
        for live in self._live.values():
            live.changed.set()
            if live.work and not live.ending:
                live.ending = True  # from here on its result would be too late
                record.wait_again(live.job.id)
        await asyncio.to_thread(record.close)

    def seconds_to_wait(self) -> int:
        """How long it takes until there may be room."""
        return self._line.seconds_to_wait()

    def _open_record(self) -> Record:
        if self._record is None:
            raise self._trouble.with_traceback(None)
        return self._record

    def _check_room(self, size: int) -> None:
        if len(self._outside) >= self._line.room():
            raise BusyError("The queue is full.", self.seconds_to_wait())
        if not self._deposit.has_room(size):
            raise BusyError("Too many pictures wait.", self.seconds_to_wait())

    async def _accept(self, job: Job, key: str | None, must_last: bool) -> Job:
        try:
            try:
                return await asyncio.wrap_future(self._open_record().add(job, key))
            except sqlite3.Error as error:
                raise _unwritten(error) from error
        except RecordError:
            if must_last:
                raise
            self._unwritten.add(job.id)
            return job

    def _drop(self, job: Job) -> None:
        self._outside.discard(job.id)
        self._deposit.remove(job.id)

    def _keep(self, job: Job) -> Job:
        """Remembers a job that has ended."""
        self._ended[job.id] = job
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        return job

    async def _find(self, found: Any) -> Job | None:
        try:
            job: Job | None = await asyncio.wrap_future(found)
        except sqlite3.Error as error:
            raise RecordError(f"The record of jobs cannot be read: {error}.") from error
        return job

    async def _past(self, ticket: str) -> Job | None:
        job = self._ended.get(ticket)
        if job is None:
            job = await self._find(self._open_record().find(ticket))
        if job is None or (job.finished and job.finished + self._seconds < time.time()):
            return None
        return job

    def _prepare(self, live: Live) -> None:
        """Has the model fetched, if it is not here, and then the job wait in line."""
        model = self.endpoints.classifier.catalog.get(live.job.model)
        if model is None or self.endpoints.classifier.engine.is_ready(model):
            self._backlog[live.job.id] = live
        else:
            self._spawn(self._fetch(live))

    async def _fetch(self, live: Live) -> None:
        def report(part: float) -> None:
            live.part = part

        report(0.0)
        try:
            await self.endpoints.bring(self.endpoints.classifier.model(live.job.model), report)
        except ClassifierError as error:
            await self._end(live, "failed", error=str(error))
            return
        live.part = None
        if not live.ending:
            self._backlog[live.job.id] = live
            await self._feed()

    async def _feed(self) -> None:
        """Lets in those who wait outside while there is room, in their order."""
        async with self._feeding:
            while self._backlog and self._line.room() > 0 and not self._stopping:
                ticket, live = next(iter(self._backlog.items()))
                if not live.ending and not await self._line.push(ticket):
                    return
                self._backlog.pop(ticket, None)
                self._outside.discard(ticket)
                if live.ending:
                    await self._line.remove(ticket)

    async def _keep_feeding(self) -> None:
        while not self._stopping:
            await asyncio.sleep(FEED_SECONDS)
            if self._backlog:
                await self._feed()

    async def _keep_expiring(self) -> None:
        while self._record:
            deleted = 0
            with suppress(sqlite3.Error):
                before = time.time() - self._seconds
                expired = self._record.expire(before, EXPIRED_AT_ONCE)
                deleted = await asyncio.wrap_future(expired)
            # In small steps, between which others get to write.
            await asyncio.sleep(FEED_SECONDS if deleted == EXPIRED_AT_ONCE else EXPIRY_SECONDS)

    def _leave(self, ticket: str) -> None:
        """A job that left the queue and was never begun is put there again."""
        live = self._live.get(ticket)
        if live is None or live.work or live.ending or self._stopping:
            return
        live.turns += 1
        if live.turns >= MOST_STARTS:
            self._spawn(self._end(live, "failed", error="The queue failed at this."))
        else:
            self._outside.add(ticket)
            self._backlog[ticket] = live

    async def _work(self, live: Live) -> None:
        job = live.job
        with suppress(sqlite3.Error):  # a full disk stops no job that was accepted
            if self._record:
                await asyncio.wrap_future(self._record.start(job.id))
        live.become(replace(live.job, status="started"))
        try:
            answer = await self._answer(job)
        except ClassifierError as error:
            self._spawn(self._end(live, "failed", error=str(error)))
        except Exception:
            log.exception("a job failed")
            reason = "The server failed at this; its log says why."
            self._spawn(self._end(live, "failed", error=reason))
        else:
            if live.question and not self.endpoints.delay_seconds:
                self._answers[live.question] = answer
                if len(self._answers) > REMEMBERED:
                    self._answers.popitem(last=False)
            # Its place is for the next while the disk is waited for.
            self._spawn(self._end(live, "finished", answer))

    async def _answer(self, job: Job) -> Prediction:
        if job.uploaded:
            source = Source(self._deposit.path(job.id), job.image)
        else:
            source = self.endpoints.sample(job.image)
        return await self.endpoints.predict(source, job.model)

    async def _end(
        self,
        live: Live,
        status: Status,
        answer: Prediction | None = None,
        error: str | None = None,
        patient: bool = True,
    ) -> None:
        """Ends a job in the record and then here, tried until it is done if `patient`."""
        if live.ending:
            return
        live.ending = True
        job, finished = live.job, time.time()
        while True:
            try:
                await self._write_end(job.id, status, finished, answer, error)
                break
            except sqlite3.Error as failure:
                if self._record is None:
                    return  # the next server begins it anew
                if not patient:
                    live.ending = False
                    raise _unwritten(failure) from failure
                log.warning("what became of a job cannot be written yet: %s", failure)
                await asyncio.sleep(RETRY_SECONDS)
        self._backlog.pop(job.id, None)
        self._outside.discard(job.id)
        self._live.pop(job.id, None)
        ended = replace(job, status=status, finished=finished, answer=answer, error=error)
        live.become(self._keep(ended))
        await asyncio.to_thread(self._deposit.remove, job.id) if job.uploaded else None

    async def _write_end(self, id: str, *values: Any) -> None:
        if id in self._unwritten:
            self._unwritten.discard(id)
            return
        if self._record is None:
            raise sqlite3.OperationalError("the record is closed")
        await asyncio.wrap_future(self._record.end(id, *values))

    def _spawn(self, work: "Coroutine[Any, Any, None]") -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _question(path: Path, model: str) -> Hashable:
    """What makes two questions one: the same file, unchanged, and the same model."""
    state = path.stat()
    return path.name, state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_size, model


def _same(known: Job, asked: str, key: str | None) -> Job:
    if known.question != asked:
        raise InputError(
            f"The Idempotency-Key {key!r} was for another question; take a new key for a new one."
        )
    return known


def _unwritten(error: Exception) -> RecordError:
    return RecordError(
        f"The job cannot be written down ({error}), so it is not accepted. "
        "Is the disk full? Try again later."
    )
