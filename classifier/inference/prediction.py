"""Predictions: what the classifier returns."""

from dataclasses import dataclass
from typing import Any, TypedDict


@dataclass(frozen=True)
class LabelProbability:
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
    """The likeliest labels of a picture, the likeliest first.

    `seconds` is the time for decoding, preprocessing and the model, without waiting and
    loading.
    """

    model: str
    image: str
    predictions: tuple[LabelProbability, ...]
    seconds: float
    device: str

    def record(self) -> PredictionRecord:
        """Returns the prediction as programs receive it."""
        return {
            "model": self.model,
            "image": self.image,
            "predictions": [
                {"label": top.label, "probability": round(top.probability, 6)}
                for top in self.predictions
            ],
            "seconds": round(self.seconds, 4),
        }
