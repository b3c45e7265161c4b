import pytest

from classifier.compare import Agreement, agreement
from classifier.predict import Guess, Prediction


def said(label: str, probability: float = 0.5) -> Prediction:
    return Prediction(
        "model", "a.jpg", (Guess(label, probability), Guess("other", 0.1)), 0.1, "cpu"
    )


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        ([said("cat"), said("dog"), said("cat")], Agreement("cat", 2, 3)),
        ([said("cat"), said("cat")], Agreement("cat", 2, 2)),
        ([said("cat", 0.4), said("dog", 0.9)], Agreement("dog", 1, 2)),
        ([said("cat")], None),
        ([], None),
    ],
)
def test_the_label_that_most_put_first_counts(
    predictions: list[Prediction], expected: Agreement | None
) -> None:
    assert agreement(predictions) == expected
