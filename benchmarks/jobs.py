"""Compares /classify with POST and GET /classifications, for 16 concurrent clients.

`python -m benchmarks.jobs` sends both kinds of requests to one app. It sends only requests with
job IDs to another app, whose job store holds 100,000 old results. The contenders take turns,
round after round. No result is cached.
"""

import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks import material
from benchmarks.__main__ import CLIENTS, machine
from benchmarks.arguments import positive
from benchmarks.checks import Parser, require_packages
from benchmarks.material import DEFAULT
from benchmarks.serving import serving
from classifier.inference.prediction import LabelProbability, Prediction
from classifier.jobs.job import Job
from classifier.jobs.sqlite_store import SqliteJobStore

PICTURES = 500
OLD = 100_000
MODEL = DEFAULT
CALLS, TICKETS, FULL = "`/classify`", "job IDs", f"job IDs, {OLD:,} old results"
SETTINGS = {
    "CLASSIFIER_MODELS": MODEL,
    # Any delay disables the cache of results; this one is too short to slow down a job.
    "CLASSIFIER_DELAY_SECONDS": "0.000001",
}


def fill(folder: Path) -> None:
    """Creates a job store with many results."""
    SqliteJobStore(folder).close()
    guesses = tuple(LabelProbability(f"label {number}", 0.1) for number in range(5))
    answer = Prediction(MODEL, "picture.jpg", guesses, 0.01, "cpu")
    job = Job("", f"{MODEL}/picture.jpg", MODEL, "picture.jpg", 0, time.time())
    record = SqliteJobStore(folder)
    for number in range(OLD):
        old = replace(job, id=f"{number:022}", status="finished", finished=time.time())
        last = record.add(replace(old, prediction=answer))
    last.result()
    record.close()


def measure(rounds: int, seconds: float) -> dict[str, list[float]]:
    """Returns the jobs per second of each contender, one number for each round."""
    rates: dict[str, list[float]] = {CALLS: [], TICKETS: [], FULL: []}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folders = [Path(name, "empty"), Path(name, "full")]
        names = [f"{number:05}.jpg" for number in range(PICTURES)]
        contents = material.pictures(PICTURES)
        for folder in folders:
            (folder / "images").mkdir(parents=True)
            for picture, content in zip(names, contents, strict=True):
                (folder / "images" / picture).write_bytes(content)
        fill(folders[1] / "cache" / "tickets")
        empty, full = (
            stack.enter_context(serving("tickets", "ours", [name], folder, **SETTINGS))
            for folder in folders
        )
        contenders = {
            CALLS: replace(empty, kind="gradio"),
            TICKETS: empty,
            FULL: full,
        }
        for number in range(rounds + 1):
            for contender in list(contenders)[:: 1 if number % 2 else -1]:
                server = contenders[contender]
                rate = server.ask(MODEL, names, CLIENTS, seconds=seconds if number else 1.0)
                if number:  # round 0 only warms up
                    rates[contender].append(rate)
    return rates


def table(rates: dict[str, list[float]]) -> str:
    """Returns a Markdown table of the median rates and of the relative time per job.

    The lowest and the highest round are in brackets.
    """
    lines = ["| | jobs per second | time per job |", "|---|---:|---:|"]
    for contender, found in rates.items():
        times = [calls / rate for calls, rate in zip(rates[CALLS], found, strict=True)]
        spread = f"{statistics.median(found):.1f} ({min(found):.1f}–{max(found):.1f})"
        lines.append(f"| {contender} | {spread} | {statistics.median(times):.2f}× |")
    return "\n".join(lines)


def main() -> None:
    parser = Parser(prog="python -m benchmarks.jobs", description=__doc__)
    parser.add_argument("--rounds", type=positive(int), default=5)
    parser.add_argument(
        "--seconds", type=positive(float), default=5.0, help="duration of each measurement"
    )
    chosen = parser.parse_args()
    require_packages(parser, "aiohttp")
    rates = measure(chosen.rounds, chosen.seconds)
    print(f"{machine()}\n\n{table(rates)}")


if __name__ == "__main__":
    main()
