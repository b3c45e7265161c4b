"""One picture through several models at once."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

from gradio import FileData

from classifier import markup
from classifier.catalog import Model
from classifier.compare import Agreement, agreement
from classifier.endpoints.aside import Aside
from classifier.endpoints.core import Endpoints, Source, told_along
from classifier.errors import ClassifierError, InputError, show
from classifier.predict import Prediction

TELL_SECONDS = 0.5


class ModelAnswer(TypedDict):
    """What a model says, or why it says nothing. `megabytes` (2²⁰ bytes) is its size."""

    model: str
    labels: int
    megabytes: float
    predictions: NotRequired[list[dict[str, Any]]]
    seconds: NotRequired[float]
    error: NotRequired[str]


class AgreementRecord(TypedDict):
    """The label that most models put first, how many did, of how many that answered."""

    label: str
    models: int
    of: int


class ComparisonRecord(TypedDict):
    """The answers so far, in the order in which the models were named."""

    image: str
    answers: list[ModelAnswer]
    agreement: AgreementRecord | None


@dataclass
class Part:
    """What is known of one model's answer: how far its fetch is, in 0-1, then what came."""

    model: Model
    fetched: float | None = None
    prediction: Prediction | None = None
    error: str | None = None

    def record(self) -> ModelAnswer | None:
        """The answer as programs get it, once there is one."""
        known: ModelAnswer = {
            "model": self.model.name,
            "labels": len(self.model.labels),
            "megabytes": round(self.model.megabytes, 1),
        }
        if self.prediction:
            record = self.prediction.record()
            known |= {"predictions": record["predictions"], "seconds": record["seconds"]}
        elif self.error:
            known["error"] = self.error
        else:
            return None
        return known


@dataclass
class Comparison:
    """A picture and what each of the models says of it so far."""

    source: Source
    parts: list[Part]

    @property
    def agreement(self) -> Agreement | None:
        return agreement([part.prediction for part in self.parts if part.prediction])


class Compare:
    """What can be asked of several models at once."""

    def __init__(self, endpoints: Endpoints, aside: Aside) -> None:
        self._endpoints = endpoints
        self._aside = aside
