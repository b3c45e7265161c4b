"""The classifier for callers in an event loop, such as endpoints and jobs."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from classifier import metrics
from classifier.download import ProgressCallback, no_progress
from classifier.inference.backend import Backend
from classifier.inference.classifier import Classifier
from classifier.inference.cluster.backend import Cluster
from classifier.inference.explanation import Explanation, check_explainable, check_label
from classifier.inference.in_process import InProcess
from classifier.inference.prediction import Prediction
from classifier.inference.timings import Timings
from classifier.models import catalogue
from classifier.models.catalogue import Catalogue
from classifier.models.model import Model
from classifier.pictures.gallery import Gallery
from classifier.pictures.source import PictureSource
from classifier.settings import Settings


class AsyncClassifier:
    """A catalogue of models, a gallery of pictures, and the backend that runs the models.

    Every job is held for `delay_seconds` first: a class can then watch the queue fill up.
    `downloading` requests wait for the weights of their models; `on_downloading` is called when
    their number changes.
    """

    def __init__(
        self, models: Catalogue, gallery: Gallery, backend: Backend, delay_seconds: float = 0.0
    ) -> None:
        self.catalogue = models
        self.gallery = gallery
        self.backend = backend
        self.delay_seconds = delay_seconds
        self.timings = Timings()
        self.downloading = 0
        self.on_downloading: Callable[[], None] = lambda: None

    @classmethod
    def from_settings(cls, settings: Settings) -> "AsyncClassifier":
        """Returns a classifier with the models, the gallery and the backend of the settings.

        Raises the errors of `Classifier.from_settings`.
        """
        if settings.cluster:
            models = catalogue.load(settings.models)
            gallery = Gallery(settings.images)
            return cls(models, gallery, Cluster(settings, models), settings.delay_seconds)
        return cls.in_process(
            Classifier.from_settings(settings), settings.concurrency, settings.delay_seconds
        )

    @classmethod
    def in_process(
        cls, classifier: Classifier, capacity: int, delay_seconds: float = 0.0
    ) -> "AsyncClassifier":
        """Returns the same classifier for callers in an event loop."""
        backend = InProcess(classifier, capacity)
        return cls(classifier.catalogue, classifier.gallery, backend, delay_seconds)

    @property
    def capacity(self) -> int:
        """How many classifications can run at the same time, at least one."""
        return max(1, self.backend.capacity)

    def model(self, name: object) -> Model:
        """Returns a model of the catalogue. Raises UnknownNameError for every other name."""
        return catalogue.named(self.catalogue, name)

    def ready_first(self) -> list[Model]:
        """Returns the models of the catalogue, those that need no download first."""
        return sorted(self.catalogue.values(), key=lambda model: not self.is_downloaded(model))

    def is_downloaded(self, model: Model) -> bool:
        """Whether the model runs without a download."""
        return self.backend.is_downloaded(model)

    def preload(self, model: Model) -> None:
        """Loads a model in the background, so that the first request does not wait for it."""
        self.backend.preload(model)

    def seconds(self, model: str) -> float:
        """Returns how long a prediction takes, as far as it is known."""
        return self.delay_seconds + (self.timings.median(model) or 0)

    async def predict(self, picture: PictureSource, model: Model) -> Prediction:
        """Returns the prediction of a model for a picture, after a download if needed.

        If the caller is cancelled before the work starts, it never runs.
        """
        await self._prepare_in_queue(model)
        return await self.classify(picture, model)

    async def prepare(self, model: Model, report: ProgressCallback = no_progress) -> None:
        """Downloads the weights of a model if needed, and holds the job for its delay."""
        await self.download(model, report)
        await asyncio.sleep(self.delay_seconds)

    async def _prepare_in_queue(self, model: Model, report: ProgressCallback = no_progress) -> None:
        """Prepares a model for a request that has a place in the queue."""
        if not self.is_downloaded(model):
            self.downloading += 1
            try:
                self.on_downloading()
                await self.download(model, report)
            finally:
                self.downloading -= 1
                self.on_downloading()
        await self.prepare(model)

    async def download(self, model: Model, report: ProgressCallback = no_progress) -> None:
        """Downloads the weights of a model, or joins a download that is already running.

        The download continues if a caller is cancelled. Raises WeightsError if it fails.
        """
        await self.backend.download(model, report)

    async def classify(self, picture: PictureSource, model: Model) -> Prediction:
        """Returns the prediction of a model that is prepared."""
        with _counted_errors():
            prediction = await self.backend.classify(picture, model)
        self._add(prediction)
        return prediction

    async def explain(
        self,
        picture: PictureSource,
        model: Model,
        label: object = None,
        report: ProgressCallback = no_progress,
    ) -> Explanation:
        """Returns the prediction of a model with heatmaps of its labels, or of one `label`.

        If the caller is cancelled, the work stops after the current label. Raises
        UnknownNameError if the model does not have the label, and InputError if the model
        cannot be explained.
        """
        checked = None if label is None else check_label(label, model)
        check_explainable(model)
        await self._prepare_in_queue(model)
        with _counted_errors():
            explanation = await self.backend.explain(picture, model, checked, report)
        self._add(explanation.prediction)
        return explanation

    def _add(self, prediction: Prediction) -> None:
        self.timings.add(prediction.model, prediction.seconds)
        metrics.ANSWERS.labels(prediction.model).inc()
        metrics.INFERENCE_SECONDS.labels(prediction.model).observe(prediction.seconds)


@contextmanager
def _counted_errors() -> Iterator[None]:
    """Counts errors by their class; a cancelled request is none."""
    try:
        yield
    except Exception as error:
        metrics.ERRORS.labels(type(error).__name__).inc()
        raise
