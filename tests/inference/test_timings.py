from classifier.inference.timings import MAX_TIMINGS, Timings


def test_the_median_is_that_of_the_latest_timings() -> None:
    timings = Timings()
    for seconds in (9.0, 0.1, 0.3, 0.2, 0.2):
        timings.add("tiny", seconds)
    assert timings.median("tiny") == 0.2

    for _ in range(MAX_TIMINGS):
        timings.add("tiny", 0.5)
    timings.add("resnet18", 1.0)
    assert timings.median("tiny") == 0.5


def test_a_model_without_timings_has_no_median() -> None:
    assert Timings().median("tiny") is None
