"""A replica: a process on some machine of the cluster that runs models."""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

from ray import serve

from classifier import logs
from classifier.errors import ClassifierError, ClusterError
from classifier.inference.classifier import Classifier
from classifier.inference.cluster.messages import Picture
from classifier.inference.engine import Engine
from classifier.inference.explanation import Explanation, explain
from classifier.inference.prediction import Prediction
from classifier.machine import processors
from classifier.models import catalogue
from classifier.models.model import Model
from classifier.models.weights import WeightsCache
from classifier.pictures.gallery import Gallery
from classifier.settings import CUDA_CONCURRENCY, Settings, uses_cuda

Result = TypeVar("Result")
log = logging.getLogger(__name__)
PROGRESS_SECONDS = 0.25
# The settings that each machine of the cluster has of its own.
OWN_SETTINGS = ("CLASSIFIER_CACHE", "CLASSIFIER_MEMORY_MB")
FAILED = "The machine that classifies failed to process this; its log has the details."


class Replica:
    """Classifies groups of pictures. It keeps the models that it used last in memory.

    It uses the cache folder of its own machine, so weights are downloaded once for all
    replicas of a machine. Errors of a request are returned; errors of the replica are raised.
    """

    def __init__(self, settings: Settings, model_megabytes: Sequence[float], version: str) -> None:
        """`model_megabytes` are the sizes of the models that may be asked for."""
        self._version = version
        own = node_settings(settings)
        logs.configure(settings.log)
        engine = Engine(
            own.device,
            WeightsCache(own.cache / "weights"),
            own.cache / "onnx",
            threads=1,  # Ray gives each replica one processor
            memory_mb=own.memory_mb,
        )
        self._classifier = Classifier({}, engine, Gallery(own.images), own.concurrency, threads=1)
        self._models: dict[str, Model] = {}
        self._downloads = ThreadPoolExecutor(1, "downloads")
        # Serve sends a request to a replica that has its model. It counts models, while the
        # engine counts their bytes, so the number is one that always fits.
        multiplexed: Callable[[Any], Callable[[str], Awaitable[Resident]]] = serve.multiplexed(
            max_num_models_per_replica=fitting(model_megabytes, own.memory_mb)
        )

        async def load(name: str) -> Resident:
            return await asyncio.to_thread(self._load, name)

        self._resident = multiplexed(load)

    async def classify(
        self, model: str, pictures: Sequence[Picture]
    ) -> list[Prediction | ClassifierError]:
        """Returns the prediction for each picture, or the error of the picture."""
        try:
            resident = await self._resident(model)
        except ClassifierError as error:
            return [error] * len(pictures)
        waiting = [
            asyncio.wrap_future(
                self._classifier.submit(picture.content, picture.name, resident.model)
            )
            for picture in pictures
        ]
        outcomes = await asyncio.gather(*waiting, return_exceptions=True)
        results = [_returned(outcome) for outcome in outcomes]
        for picture, result in zip(pictures, results, strict=True):
            _log(picture, model, result)
        return results

    async def explain(
        self, model: str, picture: Picture, label: str | None
    ) -> AsyncGenerator[float | Explanation | ClassifierError]:
        """Yields the fraction that is done, several times, and then the result."""
        try:
            resident = await self._resident(model)
        except ClassifierError as error:
            yield error
            return
        fraction, stopped = 0.0, False

        def report(done: float) -> None:
            nonlocal fraction
            fraction = done
            if stopped:
                raise asyncio.CancelledError

        turn = self._classifier.run(
            lambda: explain(
                self._classifier, picture.content, picture.name, resident.model, label, report
            )
        )
        waiting = asyncio.wrap_future(turn)
        try:
            while not waiting.done():
                yield fraction
                await asyncio.wait([waiting], timeout=PROGRESS_SECONDS)
            (outcome,) = await asyncio.gather(waiting, return_exceptions=True)
            yield _returned(outcome)
        finally:
            stopped = True
            turn.cancel()

    async def download(self, model: str) -> AsyncGenerator[float | ClassifierError]:
        """Yields the fraction that is downloaded, several times, and then 1 or an error."""
        fraction = 0.0

        def report(done: float) -> None:
            nonlocal fraction
            fraction = done

        def work() -> None:
            self._classifier.engine.download(self._model(model), report)

        waiting = asyncio.wrap_future(self._downloads.submit(work))
        while not waiting.done():
            yield min(fraction, 0.999)
            await asyncio.wait([waiting], timeout=PROGRESS_SECONDS)
        try:
            await waiting
            await self._resident(model)
        except ClassifierError as error:
            yield error
        else:
            yield 1.0

    async def version(self) -> str:
        """Returns the version that the replica was deployed with."""
        return self._version

    async def __call__(self, request: object) -> str:
        """Returns the version over HTTP, if a Serve config file gives the application a route."""
        return self._version

    async def preload(self, model: str) -> None:
        """Loads a model if it is downloaded."""
        if self._classifier.engine.is_downloaded(self._model(model)):
            await self._resident(model)

    async def downloaded(self, models: Sequence[str]) -> list[str]:
        """Returns which of the models need no download on this machine."""
        return await asyncio.to_thread(
            lambda: [
                name for name in models if self._classifier.engine.is_downloaded(self._model(name))
            ]
        )

    def _model(self, name: str) -> Model:
        if name not in self._models:
            self._models[name] = catalogue.find(name)
        return self._models[name]

    def _load(self, name: str) -> "Resident":
        model = self._model(name)
        with self._classifier.engine.loaded(model):
            return Resident(self._classifier, model)


class Resident:
    """A model in the memory of a replica. Serve deletes it when another one needs its place."""

    def __init__(self, classifier: Classifier, model: Model) -> None:
        self.model = model
        self._classifier = classifier

    def __del__(self) -> None:
        self._classifier.engine.evict(self.model)


def node_settings(settings: Settings) -> Settings:
    """Returns the settings of a replica on this machine.

    The environment of `ray start` says where the cache is and how much memory models may take.
    """
    own = Settings.from_environment({name: os.environ.get(name, "") for name in OWN_SETTINGS})
    own = own.with_writable_cache()
    if uses_cuda(settings.device):
        return replace(own, device="cuda", concurrency=CUDA_CONCURRENCY)
    # Each processor of the machine may have a replica.
    memory = max(1, own.memory_mb // processors())
    return replace(own, device="cpu", concurrency=1, memory_mb=memory)


def fitting(megabytes: Sequence[float], memory_mb: int) -> int:
    """Returns how many models always fit into the memory, even the largest; at least one."""
    count, used = 0, 0.0
    for size in sorted(megabytes, reverse=True):
        used += size
        if used > memory_mb:
            break
        count += 1
    return max(1, count)


def _log(picture: Picture, model: str, result: Prediction | ClassifierError) -> None:
    """Writes a line for a picture that belongs to a job, without the user's data."""
    if picture.job:
        facts: dict[str, object] = {"job": picture.job, "model": model}
        if isinstance(result, Prediction):
            facts["inference_seconds"] = round(result.seconds, 4)
        else:
            facts["error"] = type(result).__name__
        logs.job("picture classified", **facts)


def _returned(outcome: Result | BaseException) -> Result | ClassifierError:
    """Returns an outcome in a form that the server can read."""
    if isinstance(outcome, ClassifierError):
        return outcome.with_traceback(None)
    if isinstance(outcome, BaseException):
        log.error("a request failed", exc_info=outcome)
        return ClusterError(FAILED)
    return outcome
