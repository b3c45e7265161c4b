"""The backend that runs models in this process."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path

from classifier.download import ProgressCallback
from classifier.inference.classifier import Classifier
from classifier.inference.explanation import Explanation, explain
from classifier.inference.prediction import Prediction
from classifier.models.model import Model
from classifier.pictures.source import PictureSource
from classifier.progress_bar import progress_bar

MAX_DOWNLOADS = 4  # at the same time
POLL_SECONDS = 0.1


class InProcess:
    """Runs models in the thread pool of a classifier."""

    def __init__(self, classifier: Classifier, capacity: int) -> None:
        self.capacity = capacity
        self._classifier = classifier
        self._downloads: dict[str, _Download] = {}
        self._threads = ThreadPoolExecutor(MAX_DOWNLOADS, "downloads")

    async def open(self) -> None:
        """Does nothing: models are loaded when they are needed."""

    async def close(self) -> None:
        """Does nothing."""

    def problem(self) -> str | None:
        """Returns None: this process can always run something."""
        return None

    def loaded_megabytes(self) -> Mapping[str, float]:
        """Returns the memory of each model that is loaded (2²⁰ bytes)."""
        return self._classifier.engine.loaded_megabytes()

    def is_downloaded(self, model: Model) -> bool:
        """Whether the weights of the model are on this machine."""
        return self._classifier.engine.is_downloaded(model)

    def preload(self, model: Model) -> None:
        """Loads a model in the background, unless another one would have to be evicted."""
        self._classifier.preload(model)

    async def download(self, model: Model, report: ProgressCallback) -> None:
        """See `Backend.download`."""
        if self.is_downloaded(model):
            return
        download = self._downloads.get(model.name)
        if download is None or download.result.done():
            download = self._downloads[model.name] = _Download()
            download.result = self._threads.submit(download.run, self._classifier, model)
        while not download.result.done():
            report(download.fraction)
            await asyncio.sleep(POLL_SECONDS)
        download.result.result()

    async def classify(self, picture: PictureSource, model: Model) -> Prediction:
        """See `Backend.classify`."""
        return await asyncio.wrap_future(
            self._classifier.submit(picture.content, picture.name, model)
        )

    async def explain(
        self, picture: PictureSource, model: Model, label: str | None, report: ProgressCallback
    ) -> Explanation:
        """See `Backend.explain`."""
        fraction, stopped = 0.0, False

        def progress(done: float) -> None:
            nonlocal fraction
            fraction = done
            if stopped:
                raise CancelledError

        def work() -> Explanation:
            return explain(self._classifier, picture.content, picture.name, model, label, progress)

        turn = self._classifier.run(work)
        waiting = asyncio.wrap_future(turn)
        try:
            while not waiting.done():
                report(fraction)
                await asyncio.wait([waiting], timeout=POLL_SECONDS)
            return await waiting
        finally:
            stopped = True
            turn.cancel()


class _Download:
    """A running download that several callers wait for; `fraction` of it is done, in 0-1."""

    def __init__(self) -> None:
        self.fraction = 0.0
        self.result: Future[Path]

    def run(self, classifier: Classifier, model: Model) -> Path:
        with progress_bar(model.name) as show:

            def report(fraction: float) -> None:
                self.fraction = fraction
                show(fraction)

            return classifier.engine.download(model, report)
