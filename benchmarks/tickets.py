"""What tickets cost: /classify against POST and GET /classifications, 16 clients at once.

`python -m benchmarks.tickets` asks one app by both, and another one whose record holds
100,000 old results by tickets. They take turns, round after round; no answer is remembered.
"""

import argparse
import statistics
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks import material
from benchmarks.__main__ import CLIENTS, machine
from benchmarks.serving import serving
from classifier.predict import Guess, Prediction
from classifier.record import Job, Record

PICTURES = 500
OLD = 100_000
MODEL = "tiny"
CALLS, TICKETS, FULL = "`/classify`", "tickets", f"tickets, {OLD:,} old results"
SETTINGS = {
    "CLASSIFIER_MODELS": MODEL,
    # So little that it holds nothing, but enough for answers not to be remembered.
    "CLASSIFIER_DELAY_SECONDS": "0.000001",
}


def fill(folder: Path) -> None:
    """Makes a record with many results."""
    Record(folder).close()
    guesses = tuple(Guess(f"label {number}", 0.1) for number in range(5))
    answer = Prediction(MODEL, "picture.jpg", guesses, 0.01, "cpu")
    job = Job("", "tiny/picture.jpg", MODEL, "picture.jpg", 0, time.time())
    record = Record(folder)
    for number in range(OLD):
        old = replace(job, id=f"{number:022}", status="finished", finished=time.time())
        last = record.add(replace(old, answer=answer))
    last.result()
    record.close()


def measure(rounds: int, seconds: float) -> dict[str, list[float]]:
    """Jobs a second of each contender, one number for each round."""
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
                if number:  # the first round only warms
                    rates[contender].append(rate)
    return rates


def table(rates: dict[str, list[float]]) -> str:
    """Markdown: medians with the lowest and the highest round, and the time of a job."""
    lines = ["| | jobs a second | time of a job |", "|---|---:|---:|"]
    for contender, found in rates.items():
        times = [calls / rate for calls, rate in zip(rates[CALLS], found, strict=True)]
        spread = f"{statistics.median(found):.1f} ({min(found):.1f}–{max(found):.1f})"
        lines.append(f"| {contender} | {spread} | {statistics.median(times):.2f}× |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tickets", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    chosen = parser.parse_args()
    rates = measure(chosen.rounds, chosen.seconds)
    print(f"{machine()}\n\n{table(rates)}")


if __name__ == "__main__":
    main()
