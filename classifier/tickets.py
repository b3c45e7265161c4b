"""Jobs that last: put for a ticket, asked for as often as one likes, ended exactly once."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Hashable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from classifier import images
from classifier.backlog import Backlog
from classifier.blocks import Blocks
from classifier.deposit import MOST_BYTES, Deposit, digest, too_large
from classifier.endpoints import Endpoints
from classifier.endpoints.core import Source
from classifier.errors import BusyError, ClassifierError, InputError, RecordError
from classifier.jobs import FAILED, Live, State
from classifier.ledger import Ledger, unwritten
from classifier.line import Line
from classifier.memory import Memory
from classifier.predict import Prediction
from classifier.record import Job, Status
from classifier.tasks import Tasks

log = logging.getLogger(__name__)

# A job that was begun so often, and never ended, ends the server and is begun no more.
MOST_STARTS = 5
REMEMBERED = 1000  # answers, and jobs that have ended
RETRY_SECONDS = 1.0
STOPPING = "The server is stopping; ask again when it has started."


class Tickets:
    """The jobs of one server; all but `__init__` runs in its event loop.

    A job is in the record before its ticket is given out. It waits in the backlog, for its
    model and for room, and then in Gradio's queue.
    """

    def __init__(self, endpoints: Endpoints, folder: Path, result_hours: float) -> None:
        self.endpoints = endpoints
        self._ledger = Ledger(folder, result_hours * 3600)
        self._deposit = Deposit(folder / "pictures")
        self._line: Line
        self._backlog: Backlog
        self.loop: asyncio.AbstractEventLoop
        self._live: dict[str, Live] = {}
        self._ended: Memory[str, Job] = Memory(REMEMBERED)
        self._answers: Memory[Hashable, Prediction] = Memory(REMEMBERED)
        self._tasks = Tasks()
        self._accepting: dict[str, asyncio.Task[State]] = {}  # by their keys
        self._stopping = False

    def join(self, page: Blocks) -> None:
        """Takes its place in the queue of a page, before `open`."""
        self._line = Line(page, self._left, lambda: len(self._backlog))
        self._backlog = Backlog(self._line, self.endpoints, self._fail, self._tasks)

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
        self._tasks.spawn(self._backlog.keep_feeding())
        await self._ledger.open(self._prepare, self._take_over)

    def _prepare(self, jobs: Iterable[Job]) -> None:
        self._deposit.open(job.id for job in jobs if job.uploaded)

    def _take_over(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            live = self._live[job.id] = Live(replace(job, status="queued"))
            if job.starts >= MOST_STARTS:
                self._fail(live, f"The server ended {job.starts} times while it worked on this.")
            else:
                self._backlog.add(live)

    async def put(
        self,
        model: object,
        image: object,
        picture: BinaryIO | None = None,
        key: str | None = None,
        must_last: bool = True,
    ) -> State:
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
        if key is not None and (known := await self._ledger.find_key(key)):
            return State(_same(known, asked, key))
        if key is not None and (first := self._accepting.get(key)):
            return State(_same((await asyncio.shield(first)).job, asked, key))

        job = Job(
            id=secrets.token_urlsafe(16),
            question=asked,
            model=chosen.name,
            image=str(image),
            uploaded=size,
            created=time.time(),
        )
        if answer := self._answers.recall(question):
            job = replace(job, status="finished", finished=time.time(), answer=answer)
        # Once it is on its way to the disk, nobody who turns away leaves it half accepted.
        accepting = self._tasks.spawn(self._accept(Live(job, question), picture, key, must_last))
        if key is not None:
            self._accepting[key] = accepting
            accepting.add_done_callback(lambda _: self._accepting.pop(key))
        return await asyncio.shield(accepting)

    async def _accept(
        self, live: Live, picture: BinaryIO | None, key: str | None, must_last: bool
    ) -> State:
        job = live.job
        if not job.finished:
            self._check_room(job.uploaded)
            self._backlog.expect(job.id)
        try:
            if picture is not None:
                self._deposit.reserve(job.id, job.uploaded)
                await asyncio.to_thread(self._deposit.put, job.id, picture)
            try:
                accepted = await self._ledger.add(job, key)
            except RecordError:
                if must_last:
                    raise
                accepted, live.lasts = job, False
        except BaseException as error:
            self._drop(job)
            if isinstance(error, OSError):
                raise unwritten(error) from error
            raise
        if accepted.id != job.id:  # the same key came twice at once
            self._drop(job)
            return State(_same(accepted, job.question, key))
        if job.finished:
            self._ended[job.id] = job
        else:
            self._live[job.id] = live
            self._backlog.add(live)
            await self._backlog.feed()
        return State(live.job, lasts=live.lasts)

    def _check_room(self, size: int) -> None:
        if not self._backlog.has_room():
            raise BusyError("The queue is full.", self.seconds_to_wait())
        if not self._deposit.has_room(size):
            raise BusyError("Too many pictures wait.", self.seconds_to_wait())

    def _drop(self, job: Job) -> None:
        self._backlog.drop(job.id)
        self._deposit.remove(job.id)

    async def state(self, ticket: str) -> State | None:
        """What has become of a job; None if there is none, or its result has expired."""
        live = self._live.get(ticket)
        if live is None:
            job = self._ended.get(ticket) or await self._ledger.find(ticket)
            return State(job) if job and not self._ledger.has_expired(job) else None
        position, seconds = self._line.place(ticket)
        if position is None:
            position = self._backlog.position(ticket)
        return State(live.job, position, seconds, live.part, live.lasts)

    async def wait(self, ticket: str, seconds: float) -> None:
        """Returns when the job's status changes, at once if it has ended, or after so long."""
        live = self._live.get(ticket)
        if live:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await live.changed.wait()

    async def cancel(self, ticket: str) -> None:
        """Ends a job that has not ended, waiting or running.

        Raises RecordError if that cannot be written, and BusyError if the server has stopped.
        """
        live = self._live.get(ticket)
        if live:
            await asyncio.shield(self._tasks.spawn(self._cancel(live)))

    async def _cancel(self, live: Live) -> None:
        if await self._end(live, "canceled"):
            if live.work:
                live.work.cancel()
            await self._line.remove(live.job.id)

    async def run(self, ticket: str) -> str:
        """What Gradio's queue calls in a job's turn. Its place is free when this returns."""
        live = self._live.get(str(ticket))  # whatever it is that somebody sends
        if live and not live.work:
            live.work = self._tasks.spawn(self._work(live))
            # Who calls may be stopped; who works is not.
            await asyncio.wait([live.work])
        return ticket

    async def probe(self) -> None:
        """Raises RecordError unless jobs can be written down."""
        await self._ledger.probe()

    def waiting(self) -> int:
        """How many jobs wait to run a model, whoever asked."""
        return self._line.length() + len(self._backlog)

    def busy(self) -> bool:
        """Whether a job runs, or what became of one is still to be written."""
        return any(live.work for live in self._live.values())

    def refuse(self) -> None:
        """Accepts nothing more: the server stops."""
        self._stopping = True
        self._backlog.close()

    async def close(self) -> None:
        """Leaves what has not ended to the next server."""
        self.refuse()
        # From here on the result of one that runs would be too late.
        again = [ticket for ticket, live in self._live.items() if live.work]
        await self._ledger.close(BusyError(STOPPING, self.seconds_to_wait()), again)
        for live in self._live.values():
            live.become(live.job)

    def seconds_to_wait(self) -> int:
        """How long it takes until there may be room."""
        return self._line.seconds_to_wait()

    def _left(self, ticket: str) -> None:
        """A job that left the queue and was never begun is put there again."""
        live = self._live.get(ticket)
        if live is None or live.work or self._stopping:
            return
        live.turns += 1
        if live.turns >= MOST_STARTS:
            self._fail(live, "The queue failed at this.")
        else:
            self._backlog.add(live)

    async def _work(self, live: Live) -> None:
        job = live.job
        if live.lasts:
            await self._ledger.start(job.id)
        if job.id in self._live:
            live.become(replace(job, status="started"))
        try:
            answer = await self._answer(job)
        except ClassifierError as error:
            self._fail(live, str(error))
        except Exception:
            log.exception("a job failed")
            self._fail(live, FAILED)
        else:
            if live.question and not self.endpoints.delay_seconds:
                self._answers[live.question] = answer
            # Its place is for the next while the disk is waited for.
            self._tasks.spawn(self._end_surely(live, "finished", answer))

    async def _answer(self, job: Job) -> Prediction:
        if job.uploaded:
            source = Source(self._deposit.path(job.id), job.image)
        else:
            source = self.endpoints.sample(job.image)
        return await self.endpoints.predict(source, job.model)

    def _fail(self, live: Live, reason: str) -> None:
        self._tasks.spawn(self._end_surely(live, "failed", error=reason))

    async def _end_surely(
        self,
        live: Live,
        status: Status,
        answer: Prediction | None = None,
        error: str | None = None,
    ) -> None:
        """Tries until a job has ended, or the server has: the next one begins it anew."""
        while True:
            try:
                await self._end(live, status, answer, error)
                return
            except ClassifierError as failure:
                if self._ledger.is_closed:
                    return
                log.warning("what became of a job cannot be written yet: %s", failure)
                await asyncio.sleep(RETRY_SECONDS)

    async def _end(
        self,
        live: Live,
        status: Status,
        answer: Prediction | None = None,
        error: str | None = None,
    ) -> bool:
        """Ends a job in the record and then here; whether it was this that ended it.

        Raises RecordError if that cannot be written, and changes nothing then.
        """
        id, finished = live.job.id, time.time()
        if live.lasts:
            won = await self._ledger.end(id, status, finished, answer, error)
        else:
            won = id in self._live
        if not won:
            return False
        ended = replace(live.job, status=status, finished=finished, answer=answer, error=error)
        self._ended[id] = ended
        del self._live[id]
        self._backlog.drop(id)
        live.become(ended)
        if ended.uploaded:
            await asyncio.to_thread(self._deposit.remove, id)
        return True


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
