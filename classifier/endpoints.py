"""What the page and programs can ask for, each a coroutine that Gradio's queue runs."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypedDict, TypeVar, cast

import gradio

from classifier import markup
from classifier.blocks import plain
from classifier.catalog import Model
from classifier.download import Report, ignore
from classifier.engine import Engine
from classifier.errors import ClassifierError
from classifier.predict import Classifier, Prediction, PredictionRecord
from classifier.progress import terminal

log = logging.getLogger(__name__)
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Ask = TypeVar("Ask", bound=Callable[..., Any])

# Gradio recognises its progress bar by a default value.
PROGRESS = gradio.Progress()
FETCHES_AT_ONCE = 4
REMEMBERED = 1000  # answers, of a few kilobytes each
POLL_SECONDS = 0.1


class Offer(TypedDict):
    """What there is to choose from."""

    models: list[str]
    images: list[str]


def told(
    ask: Callable[Parameters, Awaitable[Result]],
) -> Callable[Parameters, Coroutine[Any, Any, Result]]:
    """An endpoint whose errors reach the caller as sentences, never as tracebacks."""

    @wraps(ask)
    async def asked(*values: Parameters.args, **named: Parameters.kwargs) -> Result:
        try:
            return await ask(*values, **named)
        except ClassifierError as error:
            raise plain(error) from error
        except gradio.Error:
            raise
        except Exception as error:
            log.exception("%s failed", ask.__name__)
            raise plain(
                RuntimeError("The server failed at this; its log says why. Try again.")
            ) from error

    return asked


class Endpoints:
    """The endpoints of one classifier. `delay_seconds` holds every classification."""

    def __init__(self, classifier: Classifier, delay_seconds: float) -> None:
        self.classifier = classifier
        self.delay_seconds = delay_seconds
        self._fetches: dict[str, Fetch] = {}
        self._threads = ThreadPoolExecutor(FETCHES_AT_ONCE, "fetch")

    def remembered(self, ask: Ask) -> Ask:
        """An endpoint whose answers about pictures of the gallery are kept for a while.

        The queue finds them by `recall`, and a repeated question takes no place in it. Where
        jobs are held to show what a queue is for, nothing is remembered.
        """
        if self.delay_seconds:
            return ask
        answers: OrderedDict[Hashable, Any] = OrderedDict()

        @wraps(ask)
        async def asked(image: str, model: str) -> Any:
            question = self._question(image, model)
            answer = await ask(image, model)
            if question:
                answers[question] = answer
                if len(answers) > REMEMBERED:
                    answers.popitem(last=False)
            return answer

        def recall(*values: Any) -> Any:
            question = self._question(*values) if len(values) == 2 else None
            if question in answers:
                answers.move_to_end(question)
            return answers.get(question)

        asked.recall = recall  # type: ignore[attr-defined]
        return cast(Ask, asked)

    def _question(self, image: object, model: object) -> Hashable:
        """What makes two questions one: the same file, unchanged, and the same model.

        None if something is wrong with it, which is told when it is asked in its turn.
        """
        try:
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
        return (await self._predict(image, model)).record()

    @told
    async def info(self) -> Offer:
        """The models and the pictures of the gallery that can be asked for."""
        return {"models": list(self.classifier.catalog), "images": self.classifier.gallery.names()}

    @told
    async def answer(self, image: str, model: str) -> str:
        """The answer as the page shows it."""
        return self.shown(await self._predict(image, model))

    def shown(self, prediction: Prediction) -> str:
        """A prediction as the page shows it."""
        model = self.classifier.catalog.get(prediction.model)
        if model is None:  # it was on offer once
            return markup.answer(prediction)
        return markup.answer(prediction) + markup.limits(
            model,
            max(len(offered.labels) for offered in self.classifier.catalog.values()),
            prediction.predictions[0].probability,
        )

    @told
    async def preview(self, image: str) -> str:
        """The file of a picture of the gallery."""
        return str(self.classifier.gallery.path(image))

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
        await self._fetch(chosen, lambda part: progress(part, desc=text))
        return self.describe(model)

    def describe(self, model: str) -> str:
        """A line about a model, as the page shows it."""
        chosen = self.classifier.model(model)
        return markup.facts(chosen, self.classifier.engine.is_ready(chosen))

    async def _predict(self, image: str, model: str) -> Prediction:
        return await self.predict(self.classifier.gallery.path(image), image, model)

    async def predict(self, path: Path, name: str, model: str) -> Prediction:
        """What a model makes of the picture in a file, which the answer calls by `name`.

        Cancelled while it is held or before its turn, a question costs nothing more.
        """
        chosen = self.classifier.model(model)
        await self._fetch(chosen)
        await asyncio.sleep(self.delay_seconds)
        return await asyncio.wrap_future(self.classifier.submit(path, name, chosen))

    async def ensure(self, model: str, report: Report = ignore) -> None:
        """Sees to it that a model's weights are here. Raises WeightsError."""
        await self._fetch(self.classifier.model(model), report)

    async def _fetch(self, model: Model, report: Report = ignore) -> None:
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
