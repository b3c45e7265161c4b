"""The classifier for callers in an event loop, such as endpoints and jobs."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from classifier.download import ProgressCallback, no_progress
from classifier.inference.classifier import Classifier
from classifier.inference.engine import Engine
from classifier.inference.prediction import Prediction
from classifier.models.model import Model
from classifier.pictures.source import PictureSource
from classifier.progress_bar import progress_bar

MAX_DOWNLOADS = 4  # at the same time
POLL_SECONDS = 0.1


class AsyncClassifier:
    """Downloads models that are needed, and awaits predictions.

    Every job is held for `delay_seconds` first: a class can then watch the queue fill up.
    """

    def __init__(self, classifier: Classifier, delay_seconds: float = 0.0) -> None:
        self.classifier = classifier
        self.delay_seconds = delay_seconds
        self._downloads: dict[str, _Download] = {}
        self._threads = ThreadPoolExecutor(MAX_DOWNLOADS, "downloads")

    def seconds(self, model: str) -> float:
        """Returns how long a prediction takes, as far as it is known."""
        return self.delay_seconds + (self.classifier.timings.median(model) or 0)

    async def predict(self, source: PictureSource, model: Model) -> Prediction:
        """Returns the prediction of a model for a picture.

        If the caller is cancelled before the job starts in the thread pool, it never runs.
        """
        await self.prepare(model)
        return await asyncio.wrap_future(self.classifier.submit(source.content, source.name, model))

    async def prepare(self, model: Model, report: ProgressCallback = no_progress) -> None:
        """Downloads the weights of a model if needed, and holds the job for its delay."""
        await self.download(model, report)
        await asyncio.sleep(self.delay_seconds)

    async def download(self, model: Model, report: ProgressCallback = no_progress) -> None:
        """Downloads the weights of a model, or joins a download that is already running.

        The download continues if a caller is cancelled. Raises WeightsError if it fails.
        """
        engine = self.classifier.engine
        if engine.is_downloaded(model):
            return
        download = self._downloads.get(model.name)
        if download is None or download.result.done():
            download = self._downloads[model.name] = _Download()
            download.result = self._threads.submit(download.run, engine, model)
        while not download.result.done():
            report(download.fraction)
            await asyncio.sleep(POLL_SECONDS)
        download.result.result()


class _Download:
    """A running download that several callers wait for; `fraction` of it is done, in 0-1."""

    def __init__(self) -> None:
        self.fraction = 0.0
        self.result: Future[Path]

    def run(self, engine: Engine, model: Model) -> Path:
        with progress_bar(model.name) as show:

            def report(fraction: float) -> None:
                self.fraction = fraction
                show(fraction)

            return engine.download(model, report)
