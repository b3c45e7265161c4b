"""Low-priority work: batches, comparisons and measurements leave room for single requests."""

import asyncio
from collections import deque

from classifier.inference.async_classifier import AsyncClassifier
from classifier.inference.prediction import Prediction
from classifier.models.model import Model
from classifier.pictures.source import PictureSource


class LowPriority:
    """Limits how many pictures all low-priority work has in the classifier at the same time.

    With as many pictures as the classifier can take at the same time, a single request waits
    for about one of them to finish and not for the whole batch.
    """

    def __init__(self, classifier: AsyncClassifier) -> None:
        self._classifier = classifier
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()  # first come, first served

    @property
    def slots(self) -> int:
        """How many pictures can run at the same time; a cluster can grow and shrink."""
        return self._classifier.capacity

    async def classify(self, picture: PictureSource, model: Model) -> Prediction:
        """Classifies a picture when a slot is free. Cancelled early, it never runs."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._start_next()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # its turn came at the same moment
                self._end()
            raise
        try:
            return await self._classifier.classify(picture, model)
        finally:
            self._end()

    def _start_next(self) -> None:
        while self._waiting and self._running < self.slots:
            turn = self._waiting.popleft()
            if not turn.done():
                self._running += 1
                turn.set_result(None)

    def _end(self) -> None:
        self._running -= 1
        self._start_next()
