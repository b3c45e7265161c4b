"""What several models say of one picture, and how far they agree."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from classifier.catalog import Model
from classifier.predict import Prediction


@dataclass
class Part:
    """What is known of a model's answer: how far its fetch is, in 0-1, then what came."""

    model: Model
    fetched: float | None = None
    prediction: Prediction | None = None
    error: str | None = None


@dataclass(frozen=True)
class Agreement:
    """The label that most models put first, and how many of all that answered did."""

    label: str
    models: int
    of: int


def agreement(predictions: Sequence[Prediction]) -> Agreement | None:
    """How far the first labels agree; None of fewer than two answers.

    Of labels that equally many put first, that counts of which a model is surest.
    """
    if len(predictions) < 2:
        return None
    firsts = [prediction.predictions[0] for prediction in predictions]
    votes = Counter(guess.label for guess in firsts)
    best = max(firsts, key=lambda guess: (votes[guess.label], guess.probability))
    return Agreement(best.label, votes[best.label], len(predictions))
