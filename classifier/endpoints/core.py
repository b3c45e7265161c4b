"""What every question needs, and the plainest: each a coroutine that Gradio's queue runs."""

import asyncio
import inspect
import io
import logging
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Coroutine,
    Hashable,
    Iterator,
    Mapping,
)
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypedDict, TypeVar, cast, get_args

import gradio
from gradio import FileData

from classifier import images, markup
from classifier.blocks import plain
from classifier.catalog import Model
from classifier.download import Report, ignore
from classifier.edits import LONGEST, Edits, fit
from classifier.engine import Engine
from classifier.errors import BusyError, ClassifierError, PictureError
from classifier.markup.downloads import downloads
from classifier.memory import Memory
from classifier.predict import Classifier, Prediction, PredictionRecord
from classifier.progress import terminal
from classifier.uploads import PREVIEW, Uploads, name_of

log = logging.getLogger(__name__)
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Ask = TypeVar("Ask", bound=Callable[..., Any])

# Gradio recognises its progress bar by a default value.
PROGRESS = gradio.Progress()
FETCHES_AT_ONCE = 4
EDITS_AT_ONCE = 2
MOST_EDITS = 50  # that run or wait to
SOME_SECONDS = 5
REMEMBERED = 1000  # answers, of a few kilobytes each
POLL_SECONDS = 0.1
NO_PICTURE = "There is no picture yet: pick one, or give one of your own."


@dataclass(frozen=True)
class Source:
    """A picture that is asked about, as it is or as it became by `edits`.

    Its file, or its content where there is none, and what answers call it.
    """

    content: Path | bytes
    name: str
    edits: Edits = field(default_factory=Edits)


class Offer(TypedDict):
    """What there is to choose from."""

    models: list[str]
    images: list[str]


@contextmanager
def sentences(name: str) -> Iterator[None]:
    """What goes wrong within becomes a sentence for the caller, never a traceback."""
    try:
        yield
    except ClassifierError as error:
        raise plain(error) from error
    except gradio.Error:
        raise
    except Exception as error:
        log.exception("%s failed", name)
        raise plain(
            RuntimeError("The server failed at this; its log says why. Try again.")
        ) from error


def told(
    ask: Callable[Parameters, Awaitable[Result]],
) -> Callable[Parameters, Coroutine[Any, Any, Result]]:
    """An endpoint whose errors reach the caller as sentences, never as tracebacks."""

    @wraps(ask)
    async def asked(*values: Parameters.args, **named: Parameters.kwargs) -> Result:
        with sentences(ask.__name__):
            return await ask(*values, **named)

    return asked


def told_along(
    ask: Callable[Parameters, AsyncGenerator[Result]],
) -> Callable[Parameters, AsyncGenerator[Result]]:
    """`told` for an endpoint that tells how far it is; described by what it tells."""

    @wraps(ask)
    async def asked(*values: Parameters.args, **named: Parameters.kwargs) -> AsyncGenerator[Result]:
        with sentences(ask.__name__):
            # Closed with this one, not some time later: then the work that it does ends.
            async with aclosing(ask(*values, **named)) as parts:
                async for part in parts:
                    yield part

    signature = inspect.signature(ask)
    part = get_args(signature.return_annotation)[0]
    asked.__signature__ = signature.replace(return_annotation=part)  # type: ignore[attr-defined]
    return asked


class Endpoints:
    """The endpoints of one classifier. `delay_seconds` holds every classification."""

    def __init__(self, classifier: Classifier, uploads: Uploads, delay_seconds: float) -> None:
        self.classifier = classifier
        self.uploads = uploads
        self.delay_seconds = delay_seconds
        self._fetches: dict[str, Fetch] = {}
        self._threads = ThreadPoolExecutor(FETCHES_AT_ONCE, "fetch")
        self._edits = ThreadPoolExecutor(EDITS_AT_ONCE, "edits")
        self._edits_begun = 0

    def source(self, image: object) -> Source:
        """What a program asks about: the name of a picture of the gallery, or an uploaded file.

        Raises InputError if it is neither.
        """
        return self.upload(image) if isinstance(image, Mapping) else self.sample(image)

    def sample(self, image: object) -> Source:
        """A picture of the gallery. Raises UnknownNameError for any other name."""
        path = self.classifier.gallery.path(image)
        return Source(path, path.name)

    def upload(self, image: object) -> Source:
        """A picture that somebody gave. Raises InputError if it is none."""
        path = self.uploads.find(image)
        return Source(path, name_of(image, path))

    async def asked(self, image: object, own: object, edits: object) -> Source:
        """What the page asks about: a picture of the gallery or else one's own, edited or not.

        Raises InputError if there is none or a value cannot be used.
        """
        chosen = Edits.from_values(edits)
        source = self.unedited(image, own)
        return await self.edited(source, chosen) if chosen else source

    def unedited(self, image: object, own: object) -> Source:
        """`asked`, as it is before any edits."""
        if image is None and own is None:
            gallery = self.classifier.gallery
            raise PictureError(NO_PICTURE if gallery.names() else gallery.emptiness())
        return self.upload(own) if image is None else self.sample(image)

    async def edited(self, source: Source, edits: Edits) -> Source:
        """The picture so edited, as a PNG: what is looked at is what can be downloaded."""

        def edit() -> Source:
            picture = edits.apply(images.read(source.content, source.name, LONGEST))
            content = io.BytesIO()
            picture.save(content, "PNG", compress_level=1)
            return Source(content.getvalue(), source.name, edits)

        return await self.work(edit)

    def kept(self, edited: Source) -> Path:
        """The file of an edited picture, for the one who asked for it."""
        assert isinstance(edited.content, bytes)
        return self.uploads.keep(edited.content, f"{Path(edited.name).stem}-edited.png")

    async def work(self, task: Callable[[], Result]) -> Result:
        """What a task on a picture returns, run beside the questions, a few at once.

        Raises BusyError if too many wait already.
        """
        if self._edits_begun >= MOST_EDITS:
            raise BusyError("Too many pictures are worked on.", SOME_SECONDS)
        self._edits_begun += 1
        try:
            return await asyncio.wrap_future(self._edits.submit(task))
        finally:
            self._edits_begun -= 1

    def remembered(self, ask: Ask) -> Ask:
        """An endpoint whose answers about pictures of the gallery are kept for a while.

        The queue finds them by `recall`, and a repeated question takes no place in it. Where
        jobs are held to show what a queue is for, nothing is remembered.
        """
        if self.delay_seconds:
            return ask
        answers: Memory[Hashable, Any] = Memory(REMEMBERED)
        # Found once: Gradio looks for it at every call.
        signature = inspect.signature(ask)

        @wraps(ask)
        async def asked(*values: Any) -> Any:
            question = self._question(*values)
            answer = await ask(*values)
            if question:
                answers[question] = answer
            return answer

        def recall(*values: Any) -> Any:
            known = len(values) == len(signature.parameters)
            return answers.recall(self._question(*values)) if known else None

        asked.__signature__ = signature  # type: ignore[attr-defined]
        asked.recall = recall  # type: ignore[attr-defined]
        return cast(Ask, asked)

    def _question(self, image: object, *rest: object) -> Hashable:
        """What makes two questions one: the same file, unchanged, and the same model.

        None if something is wrong with it, which is told when it is asked in its turn, and
        for what people do with pictures of their own, or make of ours.
        """
        *own, model = rest
        try:
            if own and Edits.from_values(own[-1]):
                return None
            path = self.classifier.gallery.path(image)
            state = path.stat()
        except (ClassifierError, OSError):
            return None
        # Of a file that has changed the time of the last change has, whatever else was kept.
        version = (state.st_mtime_ns, state.st_ctime_ns, state.st_ino, state.st_size)
        return path.name, version, str(model)

    @told
    async def classify(self, image: str, model: str) -> PredictionRecord:
        """The five likeliest labels of a picture of the gallery.

        Parameters:
            image: Name of a picture in the gallery, one of those that /info lists
            model: Name of a model, one of those that /info lists; fetched when first used
        Returns:
            The labels and their probabilities in 0-1, highest first
        """
        return (await self.predict(self.sample(image), model)).record()

    @told
    async def classify_upload(self, image: FileData, model: str) -> PredictionRecord:
        """The five likeliest labels of a picture of one's own.

        Parameters:
            image: A file, in Python handle_file("picture.jpg"); removed within an hour
            model: Name of a model, one of those that /info lists; fetched when first used
        Returns:
            The labels and their probabilities in 0-1, highest first
        """
        return (await self.predict(self.upload(image), model)).record()

    @told
    async def info(self) -> Offer:
        """The models and the pictures of the gallery that can be asked for."""
        return {"models": list(self.classifier.catalog), "images": self.classifier.gallery.names()}

    def shown(
        self, prediction: Prediction, edits: Edits, edited: Path | None, in_gallery: bool
    ) -> str:
        """An answer as the page shows it, about a picture of the gallery or one's own.

        With the `edits` that were made of it, and the file that came of them.
        """
        text = markup.answer(prediction, str(edits))
        text += downloads(prediction, edits, edited, gallery=in_gallery)
        model = self.classifier.catalog.get(prediction.model)
        if model is None:  # it was on offer when this was asked
            return text
        return text + markup.limits(
            model,
            max(len(offered.labels) for offered in self.classifier.catalog.values()),
            prediction.predictions[0].probability,
        )

    @told
    async def preview(self, image: str | None) -> Any:
        """The file of a picture of the gallery; one's own stays where it is."""
        return gradio.skip() if image is None else str(self.classifier.gallery.path(image))

    @told
    async def given(self, own: object) -> Any:
        """The preview of a picture that was just given. Raises if it cannot be read."""
        path = self.uploads.find(own)

        def look() -> Any:
            picture = fit(images.read(path, path.name, LONGEST))
            if images.kind(path, path.name) in images.BROWSERS:
                return gradio.skip()
            preview = f"{path}{PREVIEW}"
            picture.save(preview)
            return preview

        return await self.work(look)

    @told
    async def facts(self, model: str) -> str:
        """A line about a model, which is made ready while it is read."""
        self.classifier.prepare(self.classifier.model(model))
        return self.describe(model)

    @told
    async def fetch(self, model: str, progress: gradio.Progress = PROGRESS) -> str:
        """Sees to it that a model's weights are here; then a line about it."""
        chosen = self.classifier.model(model)
        text = f"Fetching {model}, {chosen.megabytes:.0f} MB"
        await self.bring(chosen, lambda part: progress(part, desc=text))
        return self.describe(model)

    def describe(self, model: str) -> str:
        """A line about a model, as the page shows it."""
        chosen = self.classifier.model(model)
        return markup.facts(chosen, self.classifier.engine.is_ready(chosen))

    async def predict(self, source: Source, model: str) -> Prediction:
        """What a model makes of a picture.

        Cancelled while it is held or before its turn, a question costs nothing more.
        """
        chosen = self.classifier.model(model)
        await self.begin(chosen)
        return await asyncio.wrap_future(
            self.classifier.submit(source.content, source.name, chosen)
        )

    async def begin(self, model: Model, report: Report = ignore) -> None:
        """What comes before every job: the model's weights, and the time that jobs are held."""
        await self.bring(model, report)
        await asyncio.sleep(self.delay_seconds)

    async def bring(self, model: Model, report: Report = ignore) -> None:
        """Joins the fetch of a model that is under way, or begins one.

        It goes on for the others when one who waits for it is gone.
        """
        engine = self.classifier.engine
        if engine.is_ready(model):
            return
        fetch = self._fetches.get(model.name)
        if fetch is None or fetch.result.done():
            fetch = self._fetches[model.name] = Fetch()
            fetch.result = self._threads.submit(fetch.run, engine, model)
        while not fetch.result.done():
            report(fetch.part)
            await asyncio.sleep(POLL_SECONDS)
        fetch.result.result()


class Fetch:
    """A fetch that several wait for: how far it is, in 0-1, and in the end its result."""

    def __init__(self) -> None:
        self.part = 0.0
        self.result: Future[Path]

    def run(self, engine: Engine, model: Model) -> Path:
        with terminal(model.name) as show:

            def report(part: float) -> None:
                self.part = part
                show(part)

            return engine.fetch(model, report)
