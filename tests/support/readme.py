"""The examples of the README and the documentation: finds them and runs them.

`python -m tests.support.readme` writes their current output into the files, and the predictions
of the default model into the table of the sample pictures.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from classifier import Classifier, Settings
from classifier.models import catalogue
from classifier.models.model import Model
from classifier.models.weights import LocalWeights
from classifier.settings import MODELS
from tests.support.server import DEFAULT, PROJECT, Server, serve

README = PROJECT / "README.md"
PAGES = [README, *sorted((PROJECT / "docs").glob("*.md"))]
MODELS_PAGE = PROJECT / "docs" / "models.md"
GALLERY = PROJECT / "images"
WAITING = 4  # jobs that wait in a busy server
ADDRESS = "http://127.0.0.1:7860"
JAVASCRIPT = PROJECT / "tests" / "javascript"
EXAMPLE = re.compile(
    r"<!-- example: (?P<language>\w+) -->\n```\w+\n(?P<code>.*?)```\n"
    r"(?P<between>.*?)<!-- output(?P<busy>: busy)? -->\n```\n(?P<output>.*?)```\n",
    re.DOTALL,
)
MODEL_TABLE = re.compile(r"(\|---\|---\|---\|---\|---\|\n)(.*?)\n\n", re.DOTALL)
GALLERY_TABLE = re.compile(r"(\|---\|---\|---:\|---:\|\n)(.*?)\n\n", re.DOTALL)


@dataclass(frozen=True)
class Example:
    """Code of the documentation and its output; `busy` if the output is from a busy server."""

    language: str
    code: str
    output: str
    busy: bool


def examples() -> list[Example]:
    return [
        Example(found["language"], found["code"], found["output"].rstrip("\n"), bool(found["busy"]))
        for page in PAGES
        for found in EXAMPLE.finditer(page.read_text())
    ]


def run(example: Example, server: Server) -> str:
    """Runs the code with the address of the server, and returns what it prints."""
    code = example.code.replace(ADDRESS, server.address)
    command = {
        "python": [sys.executable, "-c", code],
        "sh": ["sh", "-e", "-c", code.replace(".venv/bin/python", sys.executable)],
    }
    if example.language == "javascript":
        return _run_javascript(code)
    return _output(command[example.language], PROJECT)


def model_rows() -> str:
    """Returns the rows of the table of models."""
    return "\n".join(
        f"| `{model.name}` | {model.parameters / 1e6:.1f} M | "
        f"{_download(model)} | {len(model.labels):,} | "
        f"{model.accuracy:.1%} on {model.evaluated_on} |"
        for model in catalogue.load(MODELS).values()
    )


def _download(model: Model) -> str:
    return "none" if isinstance(model.weights, LocalWeights) else f"{model.megabytes:.0f} MB"


@dataclass(frozen=True)
class Sample:
    """A sample picture and the prediction of the default model for it.

    `place` is the rank of the correct label, or None if it is not among the five.
    """

    name: str
    first: str
    probability: float
    place: int | None

    @property
    def label(self) -> str:
        """A picture is named by what it shows."""
        return Path(self.name).stem.rstrip("_0123456789").replace("_", " ")

    def row(self) -> str:
        """Its row in the table of the sample pictures."""
        first = self.first if self.place == 1 else f"**{self.first}**"
        place = self.place or "not among the five"
        return f"| `{self.name}` | {first} | {self.probability:.0%} | {place} |"


def samples() -> list[Sample]:
    """The predictions of the default model for each sample picture."""
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings(models=(DEFAULT,), device="cpu", cache=Path(cache))
        return _samples(Classifier.from_settings(settings))


def _samples(classifier: Classifier) -> list[Sample]:
    model = classifier.model(DEFAULT)
    found = []
    for name in classifier.gallery.names():
        top = classifier.classify(classifier.gallery.path(name), name, model).predictions
        sample = Sample(name, top[0].label, top[0].probability, None)
        labels = [entry.label for entry in top]
        place = labels.index(sample.label) + 1 if sample.label in labels else None
        found.append(replace(sample, place=place))
    return found


def _run_javascript(code: str) -> str:
    # Node looks for packages beside the file.
    with tempfile.NamedTemporaryFile("w", suffix=".mjs", dir=JAVASCRIPT) as file:
        file.write(code)
        file.flush()
        return _output(["node", file.name], PROJECT)


def _output(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stdout}{done.stderr}")
    return done.stdout.rstrip("\n")


@contextmanager
def occupied(server: Server) -> Iterator[None]:
    """Keeps jobs running and waiting, after the server has learned how long one takes."""
    server.client().predict("pretzel.jpg", DEFAULT, api_name="/classify")
    stop = threading.Event()

    def submit() -> None:
        jobs: list[str] = []
        while not stop.is_set():
            jobs = [job for job in jobs if not server.state(job)["finished"]]
            if len(jobs) < WAITING and (response := server.submit("pretzel.jpg")).is_success:
                jobs.append(response.json()["job_id"])
            else:
                stop.wait(0.1)
        for job in jobs:
            server.http.delete(f"/classifications/{job}")

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        time.sleep(1)  # until several jobs wait
        yield
    finally:
        stop.set()
        thread.join()


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        serve(Path(folder, "idle")) as idle,
        serve(Path(folder, "busy"), CLASSIFIER_CONCURRENCY=1, CLASSIFIER_DELAY_SECONDS=1) as busy,
    ):

        def fill(found: re.Match[str]) -> str:
            example = Example(found["language"], found["code"], "", bool(found["busy"]))
            with occupied(busy) if example.busy else nullcontext():
                output = run(example, busy if example.busy else idle)
            begin, end = (place - found.start() for place in found.span("output"))
            return f"{found[0][:begin]}{output}\n{found[0][end:]}"

        for page in PAGES:
            page.write_text(EXAMPLE.sub(fill, page.read_text()))
    text = MODELS_PAGE.read_text()
    MODELS_PAGE.write_text(MODEL_TABLE.sub(lambda found: f"{found[1]}{model_rows()}\n\n", text))

    table = "\n".join(sample.row() for sample in samples())
    pictures = GALLERY / "README.md"
    pictures.write_text(
        GALLERY_TABLE.sub(lambda found: f"{found[1]}{table}\n\n", pictures.read_text())
    )


if __name__ == "__main__":
    main()
