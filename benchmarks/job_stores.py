"""Measures how many jobs a job store can keep in a second: added, started and ended.

`python -m benchmarks.job_stores` measures a store in SQLite, and with the address of an empty
PostgreSQL database also one there. Half of the measurements are jobs for pictures of the gallery,
and half are jobs with a picture of their own. 32 threads work at the same time.
"""

import io
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from benchmarks import material
from benchmarks.__main__ import machine
from benchmarks.arguments import positive
from benchmarks.checks import Parser
from classifier.inference.prediction import LabelProbability, Prediction
from classifier.jobs.database import JobDatabase
from classifier.jobs.job import Job
from classifier.jobs.postgres_store import PostgresJobStore
from classifier.jobs.sqlite_store import SqliteJobStore

THREADS = 32
LABELS = tuple(LabelProbability(f"label {number}", 0.1) for number in range(5))
PREDICTION = Prediction("tiny", "picture.jpg", LABELS, 0.01, "cpu")


def rate(store: JobDatabase, picture: bytes | None, seconds: float) -> float:
    """Returns how many jobs went through their whole life in a second."""
    end = time.perf_counter() + seconds

    def work(_: int) -> int:
        count = 0
        while time.perf_counter() < end:
            id, size = uuid4().hex, len(picture or b"")
            job = Job(id, id, "tiny", "picture.jpg", size, time.time())
            store.add(job, io.BytesIO(picture) if picture else None).result()
            store.start(id).result()
            store.end(id, "finished", time.time(), PREDICTION).result()
            count += 1
        return count

    begin = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        done = sum(threads.map(work, range(THREADS)))
    return done / (time.perf_counter() - begin)


def main() -> None:
    """Reads the arguments and measures."""
    parser = Parser(prog="python -m benchmarks.job_stores", description=__doc__)
    parser.add_argument("url", nargs="?", help="address of an empty PostgreSQL database")
    parser.add_argument("--rounds", type=positive(int), default=5)
    parser.add_argument("--seconds", type=positive(float), default=3.0)
    chosen = parser.parse_args()
    (picture,) = material.pictures(1)
    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        stores: dict[str, Callable[[], JobDatabase]] = {
            "SQLite": lambda: SqliteJobStore(Path(folder))
        }
        if chosen.url:
            stores["PostgreSQL"] = lambda: PostgresJobStore(chosen.url)
        opened = {name: open_store() for name, open_store in stores.items()}
        found: dict[tuple[str, str], list[float]] = {}
        contents = {"gallery": None, f"own, {len(picture) >> 10} kB": picture}
        for _ in range(chosen.rounds):
            for name, store in opened.items():
                for kind, content in contents.items():
                    found.setdefault((name, kind), []).append(rate(store, content, chosen.seconds))
        for store in opened.values():
            store.close()
    print("| store | picture | jobs/s |\n|---|---|---:|")
    for (name, kind), rates in found.items():
        spread = f"{statistics.median(rates):.0f} ({min(rates):.0f}–{max(rates):.0f})"
        print(f"| {name} | {kind} | {spread} |")


if __name__ == "__main__":
    main()
