import pytest

from classifier import markup
from classifier.predict import Guess, Prediction


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0.0, "0.0 %"),
        (0.0004, "< 0.1 %"),
        (0.0005, "0.1 %"),
        (0.1234, "12.3 %"),
        (0.9994, "99.9 %"),
        (0.9999, "> 99.9 %"),
        (1.0, "100.0 %"),
    ],
)
def test_a_percentage_never_claims_more_than_is_known(probability: float, text: str) -> None:
    assert markup.percent(probability) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0091, "9 ms"), (0.999, "999 ms"), (2.34, "2.3 s")]
)
def test_a_duration_has_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert markup.duration(seconds) == text


def test_names_cannot_put_markup_into_the_page() -> None:
    name = "<img src=x onerror='alert(1)'>\".jpg"
    prediction = Prediction("tiny", name, (Guess("<b>", 0.5),), 0.01, "cpu")

    for text in (markup.answer(prediction), markup.thumbnails([name]), markup.note(name)):
        assert "<img src=x" not in text
        assert "onerror='" not in text
    assert "&lt;b&gt;" in markup.answer(prediction)
