import json
import logging
from collections.abc import Iterator

import pytest

from classifier import logs

FACTS = {"job": "abc", "status": "finished", "seconds": 0.5}


@pytest.fixture(autouse=True)
def unchanged_logging() -> Iterator[None]:
    package = logging.getLogger("classifier")
    before = package.handlers[:], package.propagate, package.level, logs.jobs.level
    yield
    package.handlers[:], package.propagate = before[0], before[1]
    package.setLevel(before[2])
    logs.jobs.setLevel(before[3])


def test_a_job_is_a_line_of_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text")
    logs.job("job finished", **FACTS)

    (line,) = capsys.readouterr().err.splitlines()
    time, text = line.split(" ", 1)
    assert time.endswith("+00:00")
    assert text == "job finished job=abc status=finished seconds=0.5"


def test_a_job_is_a_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logs.job("job finished", **FACTS)

    (line,) = capsys.readouterr().err.splitlines()
    found = json.loads(line)
    assert found.pop("time").endswith("+00:00")
    assert found == {"level": "info", "message": "job finished", **FACTS}


@pytest.mark.parametrize("format", ["text", "json"])
def test_warnings_and_exceptions_are_written_and_details_are_not(
    format: logs.Format, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(format)
    logs.configure(format)  # a second time does not write lines twice
    log = logging.getLogger("classifier.inference.engine")
    log.info("loading")
    try:
        raise ValueError("wrong")
    except ValueError:
        log.exception("something failed")

    text = capsys.readouterr().err
    assert "loading" not in text
    assert text.count("something failed") == 1
    assert "ValueError: wrong" in text
    if format == "json":
        assert "ValueError: wrong" in json.loads(text)["exception"]
