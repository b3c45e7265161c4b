"""What the server offers: /info and /models."""

from typing import TypedDict

from classifier.endpoints.endpoint import NOT_QUEUED, Endpoint
from classifier.endpoints.error_messages import with_error_messages
from classifier.endpoints.services import Services
from classifier.models.model import Model


class Offer(TypedDict):
    """The names of the models and of the pictures in the gallery."""

    models: list[str]
    images: list[str]


class ModelRecord(TypedDict):
    """The facts about a model.

    `megabytes` (2²⁰ bytes) is the size of its weights, `gigaflops` the cost of one picture,
    and `accuracy` its top-1 accuracy in 0-1 on the data set `judged_on`; they are None if nobody
    has published them. `fetched` says whether the weights are on the server. `seconds` is the
    median time of a prediction on this machine, or None before the first one.
    """

    name: str
    description: str
    labels: int
    parameters: int
    megabytes: float
    gigaflops: float | None
    accuracy: float | None
    judged_on: str | None
    fetched: bool
    seconds: float | None


def endpoints(services: Services) -> list[Endpoint]:
    """Returns the endpoints of this module."""
    offer = OfferEndpoints(services)
    return [
        Endpoint("info", offer.info, NOT_QUEUED),
        Endpoint("models", offer.models, NOT_QUEUED),
    ]


class OfferEndpoints:
    def __init__(self, services: Services) -> None:
        self._classifier = services.classifier

    @with_error_messages
    async def info(self) -> Offer:
        """The models and the pictures of the gallery."""
        return {
            "models": list(self._classifier.catalogue),
            "images": self._classifier.gallery.names(),
        }

    @with_error_messages
    async def models(self) -> list[ModelRecord]:
        """Facts about each model: size, accuracy, whether it is downloaded, and its speed.

        Returns:
            A record for each model, in the order of the page; seconds are null until measured
        """
        return [self._record(model) for model in self._classifier.catalogue.values()]

    def _record(self, model: Model) -> ModelRecord:
        seconds = self._classifier.timings.median(model.name)
        return {
            "name": model.name,
            "description": model.description,
            "labels": len(model.labels),
            "parameters": model.parameters,
            "megabytes": round(model.megabytes, 1),
            "gigaflops": _rounded(model.gigaflops, 3),
            "accuracy": _rounded(model.accuracy, 5),
            "judged_on": model.evaluated_on or None,
            "fetched": self._classifier.is_downloaded(model),
            "seconds": _rounded(seconds, 4),
        }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
