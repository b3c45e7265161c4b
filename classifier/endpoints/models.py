"""The models on offer: what is known of them, and what was measured here."""

from collections.abc import AsyncGenerator
from itertools import cycle, islice
from typing import Any, TypedDict

import gradio

from classifier.catalog import Model
from classifier.endpoints.aside import Aside
from classifier.endpoints.core import PROGRESS, Endpoints, told, told_along
from classifier.errors import PictureError
from classifier.markup import models as markup

RUNS = 7  # of each model; the first is slower than those that follow


class ModelRecord(TypedDict):
    """What is known of a model.

    `megabytes` (2²⁰ bytes) is its size, `gigaflops` what a picture takes, `accuracy` in 0-1
    how often its first label is right, `seconds` the median of what answers took on this
    machine, None if there was none yet.
    """

    name: str
    labels: int
    parameters: int
    megabytes: float
    gigaflops: float
    accuracy: float
    judged_on: str
    fetched: bool
    seconds: float | None


class Models:
    """What can be asked about the models."""

    def __init__(self, endpoints: Endpoints, aside: Aside) -> None:
        self._endpoints = endpoints
        self._classifier = endpoints.classifier
        self._aside = aside

    @told
    async def models(self) -> list[ModelRecord]:
        """What is known of each model: size, accuracy, whether it is here, how fast it is.

        Returns:
            A record for each model in the order of the page; seconds are null until measured
        """
        return [self._record(model) for model in self._classifier.catalog.values()]

    def table(self) -> str:
        """The models as the page shows them."""
        models = self._classifier.catalog.values()
        return markup.table(
            [(model, self._is_ready(model), self._seconds(model)) for model in models]
        )

    @told
    async def show(self) -> Any:
        """The table as it is now."""
        return gradio.update(table=self.table())

    @told
    async def fetch(self, model: str, progress: gradio.Progress = PROGRESS) -> Any:
        """Sees to it that a model's weights are here; then the table."""
        await self._endpoints.fetch(model, progress)
        return gradio.update(table=self.table(), value=None)

    @told_along
    async def measure(self) -> AsyncGenerator[Any]:
        """Runs each model that is here a few times, one after the other; the table as it fills."""
        gallery = self._classifier.gallery
        names = gallery.names()
        if not names:
            raise PictureError(gallery.emptiness())
        for model in filter(self._is_ready, self._classifier.catalog.values()):
            for name in islice(cycle(names), RUNS):
                await self._aside.classify(gallery.path(name), name, model)
                yield gradio.update(table=self.table())

    def _record(self, model: Model) -> ModelRecord:
        seconds = self._seconds(model)
        return {
            "name": model.name,
            "labels": len(model.labels),
            "parameters": model.parameters,
            "megabytes": round(model.megabytes, 1),
            "gigaflops": round(model.gigaflops, 3),
            "accuracy": round(model.accuracy, 5),
            "judged_on": model.judged_on,
            "fetched": self._is_ready(model),
            "seconds": None if seconds is None else round(seconds, 4),
        }

    def _seconds(self, model: Model) -> float | None:
        return self._classifier.timings.median(model.name)

    def _is_ready(self, model: Model) -> bool:
        return self._classifier.engine.is_ready(model)
