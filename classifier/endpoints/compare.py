"""Comparing several models on one picture: /compare."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any, NotRequired, TypedDict

from gradio import FileData

from classifier.endpoints.endpoint import COMPARE, MAX_COMPARISONS, Endpoint, limit
from classifier.endpoints.error_messages import with_error_messages_in_stream
from classifier.endpoints.services import Services
from classifier.errors import ClassifierError, InputError, show
from classifier.inference.agreement import agreement
from classifier.inference.prediction import Prediction
from classifier.models.model import Model
from classifier.pictures.source import PictureSource

UPDATE_SECONDS = 0.5


class ModelResult(TypedDict):
    """The prediction of a model, or its error. `megabytes` (2²⁰ bytes) is its size."""

    model: str
    labels: int
    megabytes: float
    predictions: NotRequired[list[dict[str, Any]]]
    seconds: NotRequired[float]
    error: NotRequired[str]


class AgreementRecord(TypedDict):
    """The most frequent first label, how many models predict it, and of how many models."""

    label: str
    models: int
    of: int


class ComparisonRecord(TypedDict):
    """The results that are available, in the order of the request."""

    image: str
    answers: list[ModelResult]
    agreement: AgreementRecord | None


@dataclass
class Progress:
    """The progress of one model: the fraction of its download in 0-1, then its result."""

    model: Model
    download_fraction: float | None = None
    prediction: Prediction | None = None
    error: str | None = None


def endpoints(services: Services) -> list[Endpoint]:
    """Returns the endpoints of this module."""
    compare = Compare(services)
    return [Endpoint("compare", compare.compare, limit(COMPARE, MAX_COMPARISONS))]


class Compare:
    def __init__(self, services: Services) -> None:
        self._services = services

    @with_error_messages_in_stream
    async def compare(
        self, image: str | FileData, models: list[str]
    ) -> AsyncGenerator[ComparisonRecord]:
        """The predictions of several models for one picture, and how well they agree.

        A model that fails has an error instead of predictions; the others are not affected.

        Parameters:
            image: Name of a picture in the gallery, or a file: in Python handle_file("a.jpg")
            models: Names of models; /info lists them. They are downloaded if needed
        Returns:
            The five likeliest labels of each model, and the most frequent first label
        """
        source = self._services.picture(image)
        async with aclosing(compare_models(self._services, source, models)) as updates:
            async for progress in updates:
                yield _record(source, progress)


async def compare_models(
    services: Services, source: PictureSource, models: object
) -> AsyncGenerator[list[Progress]]:
    """Asks all models, and yields their progress regularly until all of them have ended.

    Raises InputError if `models` is not a list of names, with at least one.
    """
    if not isinstance(models, list) or not models:
        raise InputError(f"The models are {show(models)}; expected a list of at least one name.")
    chosen = [services.classifier.model(name) for name in models]
    progress = [Progress(model) for model in {model.name: model for model in chosen}.values()]

    async def ask(entry: Progress) -> None:
        def report(fraction: float) -> None:
            entry.download_fraction = fraction

        try:
            await services.classifier.prepare(entry.model, report)
            entry.download_fraction = None
            entry.prediction = await services.low_priority.classify(source, entry.model)
        except ClassifierError as error:
            entry.error = str(error)

    tasks = [asyncio.create_task(ask(entry)) for entry in progress]
    try:
        pending: Iterable[asyncio.Task[None]] = tasks
        while pending:
            yield progress
            _, pending = await asyncio.wait(pending, timeout=UPDATE_SECONDS)
        await asyncio.gather(*tasks)
        yield progress
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _record(source: PictureSource, progress: Sequence[Progress]) -> ComparisonRecord:
    agreed = agreement([entry.prediction for entry in progress if entry.prediction])
    return {
        "image": source.name,
        "answers": [_result(entry) for entry in progress if entry.prediction or entry.error],
        "agreement": asdict(agreed) if agreed else None,  # type: ignore[typeddict-item]
    }


def _result(entry: Progress) -> ModelResult:
    result: ModelResult = {
        "model": entry.model.name,
        "labels": len(entry.model.labels),
        "megabytes": round(entry.model.megabytes, 1),
    }
    if entry.prediction:
        record = entry.prediction.record()
        result |= {"predictions": record["predictions"], "seconds": record["seconds"]}
    if entry.error:
        result["error"] = entry.error
    return result
