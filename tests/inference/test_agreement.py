import pytest

from classifier.inference.agreement import Agreement, agreement
from classifier.inference.prediction import LabelProbability, Prediction


def prediction(label: str, probability: float = 0.5) -> Prediction:
    top = (LabelProbability(label, probability), LabelProbability("other", 0.1))
    return Prediction("model", "a.jpg", top, 0.1, "cpu")


@pytest.mark.parametrize(
    ("predictions", "expected"),
    [
        ([prediction("cat"), prediction("dog"), prediction("cat")], Agreement("cat", 2, 3)),
        ([prediction("cat"), prediction("cat")], Agreement("cat", 2, 2)),
        ([prediction("cat", 0.4), prediction("dog", 0.9)], Agreement("dog", 1, 2)),
        ([prediction("cat")], None),
        ([], None),
    ],
)
def test_the_most_frequent_first_label_wins(
    predictions: list[Prediction], expected: Agreement | None
) -> None:
    assert agreement(predictions) == expected
