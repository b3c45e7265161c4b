"""What the tab Answer asks the server: a job, followed from the queue to its result."""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import gradio

from classifier.callers import caller_of
from classifier.endpoints.error_messages import client_error, with_error_messages_in_stream
from classifier.endpoints.services import Services
from classifier.errors import BusyError, ClassifierError
from classifier.inference.prediction import Prediction
from classifier.jobs.job import JobState
from classifier.jobs.service import JobService
from classifier.page.answer.downloads import downloads
from classifier.page.answer.markup import answer, limits, link
from classifier.page.inputs.handlers import edited_picture
from classifier.page.markup import note, rounded, waiting
from classifier.pictures.edits import Edits
from classifier.pictures.source import PictureSource

POLL_SECONDS = 1.0  # between two updates of the position in the queue
EXPIRED = "This answer is no longer available: answers are deleted after a while."
CANCELED = "The job was cancelled."
NO_EDITS = Edits()


class AnswerHandlers:
    """A visitor who leaves the page keeps the job; one who presses Cancel ends it."""

    def __init__(self, services: Services, jobs: JobService) -> None:
        self._services = services
        self._jobs = jobs

    @with_error_messages_in_stream
    async def submit(
        self, name: object, own: object, edits: object, model: str, request: gradio.Request
    ) -> AsyncGenerator[tuple[str, str]]:
        """Submits a job and yields its state as HTML with its ID, until the job has ended."""
        source = await edited_picture(self._services, name, own, edits)
        in_gallery = name is not None
        submitting = asyncio.ensure_future(
            self._submit(source, model, in_gallery, caller_of(request))
        )
        try:
            submitted = await asyncio.shield(submitting)
            edited = self._save_edited(source)
            id = submitted.job.id if submitted.is_stored else ""
            async for state in self._states(submitted.job.id):
                yield self._render(state, id, in_gallery, source.edits, edited), id
                if state.job.status == "failed":
                    raise client_error(state.job.error or "")
        finally:
            # After Cancel, Gradio cancels this task wherever it is. If the visitor leaves, it
            # only closes the generator.
            task = asyncio.current_task()
            if task and task.cancelling():
                with suppress(ClassifierError):
                    await self._jobs.cancel((await submitting).job.id)

    @with_error_messages_in_stream
    async def reopen(self, id: str) -> AsyncGenerator[str]:
        """Yields the state of an earlier job as HTML, until the job has ended."""
        found = False
        async for state in self._states(id):
            found = True
            yield self._render(state, id, not state.job.upload_bytes)
        if not found and id:
            yield note(EXPIRED)

    async def _states(self, id: str) -> AsyncIterator[JobState]:
        """Yields the state of a job whenever it changes; nothing if the job does not exist."""
        last = None
        while state := await self._jobs.state(id):
            if state != last:
                yield state
            if state.job.finished:
                return
            last = state
            await self._jobs.wait(id, POLL_SECONDS)

    def _save_edited(self, source: PictureSource) -> Path | None:
        """Saves an edited picture; if the disk is full, it just cannot be downloaded."""
        with suppress(BusyError):
            return self._services.uploads.save_edited(source) if source.edits else None
        return None

    async def _submit(
        self, source: PictureSource, model: str, in_gallery: bool, caller: str
    ) -> JobState:
        submit = partial(self._jobs.submit, must_be_stored=False, caller=caller)
        if in_gallery and not source.edits:
            return await submit(model, source.name)
        content = source.content
        with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as picture:
            return await submit(model, source.name, picture)

    def _render(
        self,
        state: JobState,
        id: str,
        in_gallery: bool,
        edits: Edits = NO_EDITS,
        edited: Path | None = None,
    ) -> str:
        job, again = state.job, link(id) if id else ""
        if job.prediction:
            return self._render_answer(job.prediction, edits, edited, in_gallery) + again
        if job.status == "failed":
            return note(job.error or "")
        if job.status == "canceled":
            return note(CANCELED)
        if state.problem:
            return waiting(f"{state.problem} Your picture waits.") + again
        model = self._services.classifier.catalogue.get(job.model)
        if state.download_fraction is not None and model:
            size, percent = f"{model.megabytes:.0f} MB", f"{state.download_fraction:.0%}"
            return waiting(f"Downloading {job.model}, {size}: {percent}") + again
        if state.position is None:
            return waiting("Your picture is being processed …") + again
        place = f"In the queue: {state.position + 1} of {self._jobs.waiting()}"
        if state.eta_seconds:
            place += f", about {rounded(state.eta_seconds)}"
        return waiting(place) + again

    def _render_answer(
        self, prediction: Prediction, edits: Edits, edited: Path | None, in_gallery: bool
    ) -> str:
        text = answer(prediction, str(edits))
        text += downloads(prediction, edits, edited, in_gallery)
        catalogue = self._services.classifier.catalogue
        model = catalogue.get(prediction.model)
        if model is None:  # it was on offer when the job was submitted
            return text
        max_labels = max(len(offered.labels) for offered in catalogue.values())
        return text + limits(model, max_labels, prediction.predictions[0].probability)
