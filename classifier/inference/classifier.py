"""The classifier: a picture and a model go in, the five likeliest labels come out."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import torch
from PIL import Image

from classifier.errors import WeightsError
from classifier.inference.engine import Engine
from classifier.inference.prediction import LabelProbability, Prediction
from classifier.machine import processors
from classifier.models import catalogue
from classifier.models.catalogue import Catalogue
from classifier.models.model import Model
from classifier.models.weights import WeightsCache
from classifier.pictures.decoding import decode
from classifier.pictures.gallery import Gallery
from classifier.settings import Settings

log = logging.getLogger(__name__)
Result = TypeVar("Result")

TOP = 5
# Pictures are decoded to at least this many times the pixels that preprocessing keeps a side.
OVERSAMPLING = 8
# The longest side ratio that is passed to preprocessing. No real panorama is longer, so for
# real pictures the result equals torchvision's own.
MAX_ASPECT_RATIO = 64


class Classifier:
    """Classifies pictures of a gallery, or any other picture.

    `submit` runs a classification in the classifier's own thread pool. At most `concurrency`
    run at the same time, even if callers go away, and each uses `threads` torch threads.
    """

    def __init__(
        self, models: Catalogue, engine: Engine, gallery: Gallery, concurrency: int, threads: int
    ) -> None:
        self.catalogue = models
        self.engine = engine
        self.gallery = gallery
        self._threads = ThreadPoolExecutor(
            concurrency,
            "inference",
            # torch keeps this number for each thread.
            initializer=torch.set_num_threads,
            initargs=(threads,),
        )
        # A single thread of its own, so that preloading never takes a place from requests.
        self._preloader = ThreadPoolExecutor(1, "preload")
        self._preloading: dict[str, Future[None]] = {}

    @classmethod
    def from_settings(cls, settings: Settings, models: Catalogue | None = None) -> "Classifier":
        """Returns a classifier with some models, or else with those of the settings.

        Raises SettingError if a model or the device does not exist, and the errors of
        `catalogue.load`.
        """
        # All jobs together use all processors without competing for them.
        threads = max(1, processors() // settings.concurrency)
        return cls(
            catalogue.load(settings.models) if models is None else models,
            Engine(
                settings.device,
                WeightsCache(settings.cache / "weights"),
                settings.cache / "onnx",
                threads=threads,
                memory_mb=settings.memory_mb,
            ),
            Gallery(settings.images),
            settings.concurrency,
            threads,
        )

    def model(self, name: object) -> Model:
        """Returns a model of the catalogue. Raises UnknownNameError for every other name."""
        return catalogue.named(self.catalogue, name)

    def preload(self, model: Model) -> None:
        """Loads a model in the background, so that the first request does not wait for it.

        Does nothing if the weights are not downloaded yet, or if another model would have to
        be evicted from memory.
        """
        pending = self._preloading.get(model.name)
        if self.engine.is_downloaded(model) and (pending is None or pending.done()):
            self._preloading[model.name] = self._preloader.submit(self._load, model)

    def _load(self, model: Model) -> None:
        if self.engine.fits_in_memory(model):
            try:
                with self.engine.loaded(model):
                    pass
            except WeightsError as error:
                log.warning("%s could not be loaded: %s", model.name, error)

    def submit(self, source: Path | bytes, name: str, model: Model) -> "Future[Prediction]":
        """Runs `classify` in the thread pool. A future that is cancelled early never runs."""
        return self.run(lambda: self.classify(source, name, model))

    def run(self, work: Callable[[], Result]) -> "Future[Result]":
        """Runs any other heavy work in the thread pool."""
        return self._threads.submit(work)

    def classify(self, source: Path | bytes, name: str, model: Model) -> Prediction:
        """Returns the five likeliest labels of a picture; the prediction calls it `name`.

        A model with fewer labels returns all of them.

        Raises PictureError if the picture cannot be decoded, and WeightsError if the weights
        of the model cannot be downloaded or loaded.
        """
        with self.engine.loaded(model) as run:
            start = time.perf_counter()
            picture = crop_extreme(
                decode(source, name, OVERSAMPLING * model.preprocessing.resize_pixels)
            )
            probabilities, indices = torch.topk(
                run(model.preprocessing.apply(picture)), min(TOP, len(model.labels))
            )
            seconds = time.perf_counter() - start
        return Prediction(
            model=model.name,
            image=name,
            predictions=tuple(
                LabelProbability(model.labels[index], probability)
                for index, probability in zip(indices.tolist(), probabilities.tolist(), strict=True)
            ),
            seconds=seconds,
            device=self.engine.device.type,
        )


def crop_extreme(picture: Image.Image) -> Image.Image:
    """Crops a very long picture to its middle, with a margin around the part a model uses.

    Preprocessing enlarges the shorter side before it crops, so a picture of 1 × 10,000 pixels
    would otherwise take gigabytes.
    """
    width, height = picture.size
    left = max(0, (width - MAX_ASPECT_RATIO * height) // 2)
    top = max(0, (height - MAX_ASPECT_RATIO * width) // 2)
    return picture.crop((left, top, width - left, height - top)) if left or top else picture
