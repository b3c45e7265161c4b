from dataclasses import replace
from html import unescape

import pytest

from classifier.inference.prediction import LabelProbability, Prediction
from classifier.models import catalogue
from classifier.page import markup
from classifier.page.answer.markup import answer, limits
from classifier.page.inputs.markup import facts, thumbnails
from classifier.page.models.markup import table

OFFER = catalogue.load(("tiny", "resnet18"))


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


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (16.4, "16 s"), (119, "119 s"), (120, "2 min")]
)
def test_an_estimate_is_rounded(seconds: float, text: str) -> None:
    assert markup.rounded(seconds) == text


def test_the_facts_say_what_a_model_is_good_for_and_leave_out_what_is_unknown() -> None:
    default = catalogue.find("efficientnet_lite0")
    text = facts(default, is_downloaded=True)
    assert default.description in text
    assert "75.1 % top-1 accuracy on ImageNet · ready" in text

    unknown = replace(default, accuracy=None, gigaflops=None, description="<b>Mine.</b>")
    assert "accuracy" not in facts(unknown, is_downloaded=False).replace("accurate", "")
    assert "&lt;b&gt;Mine.&lt;/b&gt;" in facts(unknown, is_downloaded=False)
    row = table([(unknown, True, None)])
    assert row.count("data-value=''>–<") == 3  # accuracy, GFLOPs and time


def test_names_cannot_put_markup_into_the_page() -> None:
    name = "<img src=x onerror='alert(1)'>\".jpg"
    prediction = Prediction("tiny", name, (LabelProbability("<b>", 0.5),), 0.01, "cpu")

    for text in (answer(prediction), thumbnails([name]), markup.note(name)):
        assert "<img src=x" not in text
        assert "onerror='" not in text
    assert "&lt;b&gt;" in answer(prediction)


def test_a_model_of_few_labels_says_so_and_lists_them() -> None:
    text = limits(OFFER["tiny"], max_labels=1000, probability=0.9)

    assert "tiny has 200 labels and always predicts one of them" in text
    assert "Other models have up to 1,000." in text
    assert all(label in unescape(text) for label in OFFER["tiny"].labels)
    assert "fits well" not in text


def test_a_low_probability_is_taken_for_doubt() -> None:
    assert "None of its labels fits well." in limits(OFFER["tiny"], 1000, 0.3)


def test_no_larger_models_are_promised_where_there_are_none() -> None:
    assert "Other models" not in limits(OFFER["tiny"], max_labels=200, probability=0.9)


def test_a_model_of_all_labels_has_no_such_limit() -> None:
    assert limits(OFFER["resnet18"], max_labels=1000, probability=0.1) == ""
