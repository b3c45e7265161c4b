import pickle

import pytest

from classifier import errors
from classifier.errors import (
    ClassifierError,
    InputError,
    PictureError,
    SettingError,
    UnknownNameError,
    WeightsError,
    show,
    suggest,
)

MANY = [f"model_{number:02}" for number in range(40)]


def test_a_setting_error_names_the_variable_the_value_and_what_is_expected() -> None:
    error = SettingError("CLASSIFIER_DEVICE", "gpu", "cpu or cuda")

    assert str(error) == "CLASSIFIER_DEVICE is 'gpu'; expected cpu or cuda."


@pytest.mark.parametrize(
    ("name", "valid", "text"),
    [
        ("dog", ["a.jpg", "b.jpg"], "No picture is called 'dog'; valid: a.jpg, b.jpg."),
        (None, ["a.jpg"], "No picture is called None; valid: a.jpg."),
        ([], ["a.jpg"], "No picture is called []; valid: a.jpg."),
        ("", ["a.jpg"], "No picture is called ''; valid: a.jpg."),
        ("dog", [], "No picture is called 'dog'; there are none."),
        (
            "model_7",
            MANY,
            "No picture is called 'model_7'; the closest of 40 valid names: "
            "model_37, model_27, model_17.",
        ),
        (
            "zzz",
            MANY,
            "No picture is called 'zzz'; 40 names are valid, for example "
            + ", ".join(MANY[:12])
            + ".",
        ),
        (
            ["model_07"],
            MANY,
            "No picture is called ['model_07']; 40 names are valid, for example "
            + ", ".join(MANY[:12])
            + ".",
        ),
    ],
)
def test_an_unknown_name_error_shows_the_name_and_valid_names(
    name: object, valid: list[str], text: str
) -> None:
    assert str(UnknownNameError("picture", name, valid)) == text


@pytest.mark.parametrize(("count", "listed"), [(1, True), (12, True), (13, False), (40, False)])
def test_all_valid_names_are_listed_only_if_there_are_few(count: int, listed: bool) -> None:
    text = suggest("something else", MANY[:count])

    assert text.startswith("valid: ") == listed
    assert (", ".join(MANY[:count]) in text) == listed


@pytest.mark.parametrize(
    ("wrong", "closest"),
    [("resnet19", "resnet18"), ("efficientnetv2s", "efficientnet_v2_s"), ("ViT_b_16", "vit_b_16")],
)
def test_the_closest_name_is_suggested_if_there_are_many(wrong: str, closest: str) -> None:
    valid = [*MANY, "resnet18", "efficientnet_v2_s", "vit_b_16"]

    assert closest in suggest(wrong, valid).removeprefix("the closest of 43 valid names: ").split(
        ", "
    )


class Verbose:
    def __repr__(self) -> str:
        return "first\nsecond\r\nthird\u2028fourth"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("name", "'name'"),
        ("it's", '"it\'s"'),
        ("a\nb\r\tc", r"'a\nb\r\tc'"),
        ("\x1b[31mred\x00", r"'\x1b[31mred\x00'"),
        ("right\u202eleft\u2028line", r"'right\u202eleft\u2028line'"),
        ("\udcff", r"'\udcff'"),
        (b"bytes\n", r"b'bytes\n'"),
        ("Ärger", "'Ärger'"),
        (3, "3"),
        (float("nan"), "nan"),
        (Verbose(), "first second third fourth"),
    ],
)
def test_a_value_is_shown_on_one_line(value: object, shown: str) -> None:
    assert show(value) == shown


@pytest.mark.parametrize("value", ["x" * 10_000, b"x" * 10_000, list(range(10_000)), "\n" * 79])
def test_a_long_value_is_shortened(value: object) -> None:
    shown = show(value)

    assert len(shown) == 80
    assert shown[:79] == repr(value)[:79]
    assert shown.endswith("…")


def test_a_value_of_exactly_the_maximum_length_is_not_shortened() -> None:
    assert show("x" * 78) == "'" + "x" * 78 + "'"


def test_a_valid_name_with_control_characters_is_quoted() -> None:
    assert suggest("c", ["a.jpg", "b\n.jpg"]) == r"valid: a.jpg, 'b\n.jpg'"


@pytest.mark.parametrize("kind", [PictureError, UnknownNameError])
def test_errors_of_callers_are_input_errors(kind: type[Exception]) -> None:
    assert issubclass(kind, InputError)


@pytest.mark.parametrize("kind", [SettingError, WeightsError])
def test_errors_of_the_machine_are_not_input_errors(kind: type[Exception]) -> None:
    assert not issubclass(kind, InputError)


def test_every_error_has_the_same_base_class() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    raised = [kind for kind in kinds if issubclass(kind, Exception)]

    assert len(raised) >= 6
    assert all(issubclass(kind, ClassifierError) for kind in raised)


def test_a_long_name_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    # Which would take seconds, of everybody's time.
    monkeypatch.setattr("classifier.errors.get_close_matches", None)
    error = UnknownNameError("picture", "a" * 4_000_000, [f"{number}.jpg" for number in range(99)])

    assert len(str(error)) < 500


@pytest.mark.parametrize(
    "error",
    [
        errors.SettingError("CLASSIFIER_DEVICE", "tpu", "cpu or cuda"),
        errors.UnknownNameError("model", "resnet", ["resnet18", "resnet50"]),
        errors.BusyError("The queue is full.", 3),
        errors.JobStoreAwayError("The database is away.", 2),
        errors.PictureError("'a.png' is not a picture."),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_can_be_sent_to_another_process(error: errors.ClassifierError) -> None:
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert copy.__dict__ == error.__dict__
