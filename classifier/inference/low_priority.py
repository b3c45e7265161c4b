"""Low-priority work: batches, comparisons and measurements leave room for single requests."""

import asyncio

from classifier.inference.async_classifier import AsyncClassifier
from classifier.inference.prediction import Prediction
from classifier.models.model import Model
from classifier.pictures.source import PictureSource


class LowPriority:
    """Limits how many pictures all low-priority work has in the classifier at the same time.

    With at most `slots` pictures, a single request waits for about one of them to finish and
    not for the whole batch.
    """

    def __init__(self, classifier: AsyncClassifier, slots: int) -> None:
        self._classifier = classifier
        self._slots = asyncio.Semaphore(slots)  # first come, first served
        self.slots = slots

    async def classify(self, picture: PictureSource, model: Model) -> Prediction:
        """Classifies a picture when a slot is free. Cancelled early, it never runs."""
        async with self._slots:
            return await self._classifier.classify(picture, model)
