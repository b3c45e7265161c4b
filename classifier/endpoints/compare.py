"""One picture through several models at once."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any, NotRequired, TypedDict

import gradio
from gradio import FileData

from classifier.catalog import Model
from classifier.compare import Part, agreement
from classifier.endpoints.aside import Aside
from classifier.endpoints.core import Endpoints, Source, told, told_along
from classifier.errors import ClassifierError, InputError, show
from classifier.markup import compare as markup

TELL_SECONDS = 0.5


class ModelAnswer(TypedDict):
    """What a model says, or why it says nothing. `megabytes` (2²⁰ bytes) is its size."""

    model: str
    labels: int
    megabytes: float
    predictions: NotRequired[list[dict[str, Any]]]
    seconds: NotRequired[float]
    error: NotRequired[str]


class AgreementRecord(TypedDict):
    """The label that most models put first, how many did, of how many that answered."""

    label: str
    models: int
    of: int


class ComparisonRecord(TypedDict):
    """The answers that are there, in the order in which the models were named."""

    image: str
    answers: list[ModelAnswer]
    agreement: AgreementRecord | None


class Compare:
    """What can be asked of several models at once."""

    def __init__(self, endpoints: Endpoints, aside: Aside) -> None:
        self._endpoints = endpoints
        self._aside = aside

    @told_along
    async def compare(
        self, image: str | FileData, models: list[str]
    ) -> AsyncGenerator[ComparisonRecord]:
        """What several models say of one picture, side by side, and how far they agree.

        A model that fails has an error in place of predictions and harms no other.

        Parameters:
            image: Name of a picture in the gallery, or a file: in Python handle_file("a.jpg")
            models: Names of models, of those that /info lists; fetched if they are not here
        Returns:
            For each model its five likeliest labels; the label that most put first
        """
        source = self._endpoints.source(image)
        async with aclosing(self._through(source, models)) as told:
            async for parts in told:
                yield _record(source, parts)

    @told_along
    async def table(
        self, image: object, own: object, edits: object, models: object
    ) -> AsyncGenerator[str]:
        """The same for the page, each answer as it comes."""
        source = await self._endpoints.asked(image, own, edits)
        async with aclosing(self._through(source, models)) as told:
            async for parts in told:
                yield markup.comparison(source.name, parts)

    @told
    async def choices(self) -> Any:
        """The models to choose from, as they are now; what is chosen is left alone."""
        return gradio.update(choices=self.offer())

    def offer(self) -> list[tuple[str, str]]:
        """What the page calls each model, and its name."""
        return [
            (
                model.name
                if self._is_ready(model)
                else f"{model.name} (fetch {model.megabytes:.0f} MB)",
                model.name,
            )
            for model in self._endpoints.classifier.catalog.values()
        ]

    def ready(self) -> list[str]:
        """The models that are here."""
        catalog = self._endpoints.classifier.catalog
        return [model.name for model in catalog.values() if self._is_ready(model)]

    def _is_ready(self, model: Model) -> bool:
        return self._endpoints.classifier.engine.is_ready(model)

    async def _through(self, source: Source, models: object) -> AsyncGenerator[list[Part]]:
        """What is known of each model's answer, now and then until all is."""
        parts = [Part(model) for model in self._chosen(models)]
        work = [asyncio.create_task(self._answer(part, source)) for part in parts]
        try:
            pending: Iterable[asyncio.Task[None]] = work
            while pending:
                yield parts
                _, pending = await asyncio.wait(pending, timeout=TELL_SECONDS)
            await asyncio.gather(*work)
            yield parts
        finally:
            for task in work:
                task.cancel()
            await asyncio.wait(work)

    def _chosen(self, models: object) -> list[Model]:
        if not isinstance(models, list) or not models:
            raise InputError(
                f"The models are {show(models)}; expected a list of names, at least one."
            )
        chosen = [self._endpoints.classifier.model(name) for name in models]
        return list({model.name: model for model in chosen}.values())

    async def _answer(self, part: Part, source: Source) -> None:
        """Fetches the model if it is not here, and asks it."""

        def report(fetched: float) -> None:
            part.fetched = fetched

        try:
            await self._endpoints.begin(part.model, report)
            part.fetched = None
            part.prediction = await self._aside.classify(source.content, source.name, part.model)
        except ClassifierError as error:
            part.error = str(error)


def _record(source: Source, parts: Sequence[Part]) -> ComparisonRecord:
    agreed = agreement([part.prediction for part in parts if part.prediction])
    return {
        "image": source.name,
        "answers": [_answer(part) for part in parts if part.prediction or part.error],
        "agreement": asdict(agreed) if agreed else None,  # type: ignore[typeddict-item]
    }


def _answer(part: Part) -> ModelAnswer:
    answer: ModelAnswer = {
        "model": part.model.name,
        "labels": len(part.model.labels),
        "megabytes": round(part.model.megabytes, 1),
    }
    if part.prediction:
        record = part.prediction.record()
        answer |= {"predictions": record["predictions"], "seconds": record["seconds"]}
    if part.error:
        answer["error"] = part.error
    return answer
