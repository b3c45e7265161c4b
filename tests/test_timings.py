from classifier.timings import KEPT, Timings


def test_the_median_is_of_what_was_measured_last() -> None:
    timings = Timings()
    for seconds in (9.0, 0.1, 0.3, 0.2, 0.2):
        timings.add("tiny", seconds)
    assert timings.median("tiny") == 0.2

    for _ in range(KEPT):
        timings.add("tiny", 0.5)
    timings.add("resnet18", 1.0)
    assert timings.median("tiny") == 0.5


def test_what_was_not_measured_has_no_time() -> None:
    assert Timings().median("tiny") is None
