"""Work in bulk: it leaves room for those who ask one question and wait for it."""

import asyncio
from pathlib import Path

from classifier.catalog import Model
from classifier.predict import Classifier, Prediction


class Aside:
    """The way in for piles, comparisons and measurements, whoever asks for them.

    Together they never have more than `places` pictures with the classifier, so that a
    single question waits for about one of them to end, not for all that are to come.
    """

    def __init__(self, classifier: Classifier, places: int) -> None:
        self._classifier = classifier
        self._places = asyncio.Semaphore(places)  # first come, first served
        self.places = places

    async def classify(self, content: Path | bytes, name: str, model: Model) -> Prediction:
        """`Classifier.classify` in its turn. Cancelled before then, it costs nothing."""
        async with self._places:
            return await asyncio.wrap_future(self._classifier.submit(content, name, model))
