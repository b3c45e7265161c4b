"""Tickets as the page shows them: the place in line, and then the answer."""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from pathlib import Path

import gradio

from classifier import markup
from classifier.edits import Edits
from classifier.endpoints import Endpoints
from classifier.endpoints.core import Source, told_along
from classifier.errors import BusyError, ClassifierError
from classifier.jobs import State
from classifier.tickets import Tickets

LOOK_SECONDS = 1.0  # how often the place in line is looked at
GONE = "This answer is here no more: answers are kept for a while, and then forgotten."
UNCHANGED = Edits()
CANCELED = "The job was cancelled."


class Desk:
    """What the page asks. A reader who goes away costs no job; one who cancels does."""

    def __init__(self, endpoints: Endpoints, tickets: Tickets) -> None:
        self._endpoints = endpoints
        self._tickets = tickets

    @told_along
    async def ask(
        self, image: object, own: object, edits: object, model: str
    ) -> AsyncGenerator[tuple[str, str]]:
        """Puts a job and shows it until it has ended; with each look its ticket."""
        source = await self._endpoints.asked(image, own, edits)
        in_gallery = image is not None
        putting = asyncio.ensure_future(self._put(source, model, in_gallery))
        try:
            put = await asyncio.shield(putting)
            edited = self._kept(source)
            ticket = put.job.id if put.lasts else ""
            async for state in self._states(put.job.id):
                yield self._show(state, ticket, in_gallery, source.edits, edited), ticket
                if state.job.status == "failed":
                    raise gradio.Error(state.job.error or "", print_exception=False)
        finally:
            # Gradio cancels the task of one who cancels, wherever it is at the moment; of one
            # who goes away it only closes the generator.
            task = asyncio.current_task()
            if task and task.cancelling():
                with suppress(ClassifierError):
                    await self._tickets.cancel((await putting).job.id)

    @told_along
    async def reopen(self, ticket: str) -> AsyncGenerator[str]:
        """Shows a job that was put before, until it has ended."""
        found = False
        async for state in self._states(ticket):
            found = True
            yield self._show(state, ticket, not state.job.uploaded)
        if not found and ticket:
            yield markup.note(GONE)

    async def _states(self, ticket: str) -> AsyncIterator[State]:
        """What there is to see of a job, whenever it changes; nothing if there is none."""
        last = None
        while state := await self._tickets.state(ticket):
            if state != last:
                yield state
            if state.job.finished:
                return
            last = state
            await self._tickets.wait(ticket, LOOK_SECONDS)

    def _kept(self, source: Source) -> Path | None:
        """The file of an edited picture; without room for it, it cannot be taken away."""
        with suppress(BusyError):
            return self._endpoints.kept(source) if source.edits else None
        return None

    async def _put(self, source: Source, model: str, in_gallery: bool) -> State:
        if in_gallery and not source.edits:
            return await self._tickets.put(model, source.name, must_last=False)
        content = source.content
        with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as picture:
            return await self._tickets.put(model, source.name, picture, must_last=False)

    def _show(
        self,
        state: State,
        ticket: str,
        in_gallery: bool,
        edits: Edits = UNCHANGED,
        edited: Path | None = None,
    ) -> str:
        job, link = state.job, markup.link(ticket) if ticket else ""
        if job.answer:
            return self._endpoints.shown(job.answer, edits, edited, in_gallery) + link
        if job.status == "failed":
            return markup.note(job.error or "")
        if job.status == "canceled":
            return markup.note(CANCELED)
        model = self._endpoints.classifier.catalog.get(job.model)
        if state.progress is not None and model:
            megabytes, percent = f"{model.megabytes:.0f} MB", f"{state.progress:.0%}"
            return markup.note(f"Fetching {job.model}, {megabytes}: {percent}") + link
        if state.position is None:
            return markup.note("Your picture is processing …") + link
        place = f"In the queue: {state.position + 1}/{self._tickets.waiting()}"
        if state.eta_seconds:
            place += f", about {state.eta_seconds:.0f} s"
        return markup.note(place) + link
