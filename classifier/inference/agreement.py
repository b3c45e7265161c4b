"""How well the predictions of several models agree."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from classifier.inference.prediction import Prediction


@dataclass(frozen=True)
class Agreement:
    """The label that most models predict first, their number, and the number of all models."""

    label: str
    models: int
    of: int


def agreement(predictions: Sequence[Prediction]) -> Agreement | None:
    """Returns the most frequent first label, or None for fewer than two predictions.

    If several labels are equally frequent, the one with the highest probability wins.
    """
    if len(predictions) < 2:
        return None
    first_labels = [prediction.predictions[0] for prediction in predictions]
    votes = Counter(first.label for first in first_labels)
    best = max(first_labels, key=lambda first: (votes[first.label], first.probability))
    return Agreement(best.label, votes[best.label], len(predictions))
