"""Low-priority work: batches, comparisons and measurements leave room for single requests."""

import asyncio
from pathlib import Path

from classifier.inference.classifier import Classifier
from classifier.inference.prediction import Prediction
from classifier.models.model import Model


class LowPriority:
    """Limits how many pictures all low-priority work has in the classifier at the same time.

    With at most `slots` pictures, a single request waits for about one of them to finish and
    not for the whole batch.
    """

    def __init__(self, classifier: Classifier, slots: int) -> None:
        self._classifier = classifier
        self._slots = asyncio.Semaphore(slots)  # first come, first served
        self.slots = slots

    async def classify(self, content: Path | bytes, name: str, model: Model) -> Prediction:
        """Runs `Classifier.classify` when a slot is free. Cancelled early, it never runs."""
        async with self._slots:
            return await asyncio.wrap_future(self._classifier.submit(content, name, model))
