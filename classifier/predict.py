"""A picture and a model go in, the five likeliest labels come out."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import torch
from PIL import Image

from classifier import catalog, images
from classifier.catalog import Catalog, Model
from classifier.engine import Engine
from classifier.errors import UnknownNameError, WeightsError
from classifier.images import Gallery
from classifier.settings import Settings, processors
from classifier.timings import Timings
from classifier.weights import Store

log = logging.getLogger(__name__)
Result = TypeVar("Result")

TOP = 5
# Pictures are decoded to so many times the pixels that a model's preprocessing leaves.
DETAIL = 8
# Far beyond any panorama: up to here the answer is torchvision's own.
WIDEST = 64


@dataclass(frozen=True)
class Guess:
    """A label and its probability in 0-1."""

    label: str
    probability: float


class PredictionRecord(TypedDict):
    """A prediction as JSON."""

    model: str
    image: str
    predictions: list[dict[str, Any]]
    seconds: float


@dataclass(frozen=True)
class Prediction:
    """The likeliest labels, the first the likeliest. `seconds` leaves out waiting and loading."""

    model: str
    image: str
    predictions: tuple[Guess, ...]
    seconds: float
    device: str

    def record(self) -> PredictionRecord:
        """The prediction as programs get it."""
        return {
            "model": self.model,
            "image": self.image,
            "predictions": [
                {"label": guess.label, "probability": round(guess.probability, 6)}
                for guess in self.predictions
            ],
            "seconds": round(self.seconds, 4),
        }


class Classifier:
    """Answers questions about the pictures of a gallery and about any other file.

    Questions are put with `submit`; threads of the classifier's own take them up, so
    that never more than `concurrency` run at once, whatever becomes of those who asked,
    each with so many `threads` of torch's.
    """

    def __init__(
        self, models: Catalog, engine: Engine, gallery: Gallery, concurrency: int, threads: int
    ) -> None:
        self.catalog = models
        self.engine = engine
        self.gallery = gallery
        self.timings = Timings()
        self._threads = ThreadPoolExecutor(
            concurrency,
            "inference",
            # torch keeps this number for each thread.
            initializer=torch.set_num_threads,
            initargs=(threads,),
        )
        # One at a time, and beside those who ask: looking through the list costs them nothing.
        self._preparer = ThreadPoolExecutor(1, "preparing")
        self._preparing: dict[str, Future[None]] = {}

    @classmethod
    def from_settings(cls, settings: Settings) -> "Classifier":
        """Raises SettingError if a model or the device is not there."""
        # All jobs together fill the processors, and do not fight over them.
        threads = max(1, processors() // settings.concurrency)
        return cls(
            catalog.load(settings.models),
            Engine(
                settings.device,
                Store(settings.cache / "weights"),
                settings.cache / "onnx",
                threads=threads,
                memory_mb=settings.memory_mb,
            ),
            Gallery(settings.images),
            settings.concurrency,
            threads,
        )

    def model(self, name: object) -> Model:
        """A model on offer. Raises UnknownNameError for any other name."""
        if not isinstance(name, str) or name not in self.catalog:
            raise UnknownNameError("model", name, self.catalog)
        return self.catalog[name]

    def prepare(self, model: Model) -> None:
        """Loads a model in the background, so that it is there when asked.

        Only if its weights are here and no other model has to make room for it.
        """
        pending = self._preparing.get(model.name)
        if self.engine.is_ready(model) and (pending is None or pending.done()):
            self._preparing[model.name] = self._preparer.submit(self._load, model)

    def _load(self, model: Model) -> None:
        if self.engine.has_room(model):
            try:
                with self.engine.using(model):
                    pass
            except WeightsError as error:
                log.warning("%s could not be made ready: %s", model.name, error)

    def submit(self, source: Path | bytes, name: str, model: Model) -> "Future[Prediction]":
        """`classify` in its turn. Cancelled before then, it never runs."""
        return self.in_turn(lambda: self.classify(source, name, model))

    def in_turn(self, work: Callable[[], Result]) -> "Future[Result]":
        """Any other work that takes the processors, on the same terms."""
        return self._threads.submit(work)

    def classify(self, source: Path | bytes, name: str, model: Model) -> Prediction:
        """The five likeliest labels of a picture, which the answer calls by `name`.

        Raises PictureError if the picture cannot be read and WeightsError if the
        model's weights cannot be had.
        """
        with self.engine.using(model) as run:
            start = time.perf_counter()
            picture = middle(images.read(source, name, DETAIL * model.pixels))
            values, places = torch.topk(run(model.preprocess(picture)), TOP)
            seconds = time.perf_counter() - start
        self.timings.add(model.name, seconds)
        return Prediction(
            model=model.name,
            image=name,
            predictions=tuple(
                Guess(model.labels[place], value)
                for place, value in zip(places.tolist(), values.tolist(), strict=True)
            ),
            seconds=seconds,
            device=self.engine.device.type,
        )


def middle(picture: Image.Image) -> Image.Image:
    """The part of a very long picture that models look at, and some more to both sides.

    Preprocessing scales the shorter side up before it crops: of 1 × 10,000 pixels it
    would make gigabytes.
    """
    width, height = picture.size
    left = max(0, (width - WIDEST * height) // 2)
    top = max(0, (height - WIDEST * width) // 2)
    return picture.crop((left, top, width - left, height - top)) if left or top else picture
