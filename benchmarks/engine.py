"""Compares the classifier in one process with plain torch code.

`python -m benchmarks.engine` measures the contenders in turn, round after round. It prints
pictures per second: the median of the rounds, with the lowest and the highest round.
"""

import io
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from PIL import Image
from tqdm import tqdm

from benchmarks import material
from benchmarks.arguments import positive
from benchmarks.checks import Parser
from benchmarks.material import MODELS
from classifier.inference.classifier import Classifier
from classifier.inference.engine import Engine
from classifier.machine import processors
from classifier.models.model import Model
from classifier.models.weights import WeightsCache
from classifier.pictures.gallery import Gallery

Contender = Callable[[list[bytes]], None]


@contextmanager
def ours(model: Model, folder: Path) -> Iterator[Contender]:
    """Returns the classifier, which runs as many jobs in parallel as there are processors."""
    jobs = processors()
    engine = Engine("cpu", WeightsCache(folder), folder / "onnx", threads=1, memory_mb=1000)
    classifier = Classifier({model.name: model}, engine, Gallery(folder), jobs, threads=1)

    def classify(pictures: list[bytes]) -> None:
        for future in [classifier.submit(file, "picture.jpg", model) for file in pictures]:
            future.result()

    yield classify


@contextmanager
def eager(model: Model, folder: Path) -> Iterator[Contender]:
    """Returns torch and torchvision as in their documentation, with one picture at a time."""
    network = material.eager(model)
    torch.set_num_threads(processors())

    def classify(pictures: list[bytes]) -> None:
        for picture in pictures:
            opened = Image.open(io.BytesIO(picture)).convert("RGB")
            with torch.inference_mode():
                network(model.preprocessing.apply(opened).unsqueeze(0)).softmax(dim=1).topk(5)

    yield classify


CONTENDERS = {"this classifier": ours, "eager torch": eager}


def measure(rounds: int, seconds: float) -> dict[tuple[str, str], list[float]]:
    """Returns the pictures per second of each round, by model and contender."""
    found: dict[tuple[str, str], list[float]] = {}
    files = material.pictures(40)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = [material.with_weights(name, folder) for name in MODELS]
        for number in tqdm(range(rounds), "rounds"):
            for model in models:
                # The order alternates, so that no contender always runs first.
                for contender in list(CONTENDERS)[:: 1 if number % 2 else -1]:
                    with CONTENDERS[contender](model, folder) as classify:
                        speed = rate(classify, files, seconds)
                    found.setdefault((model.name, contender), []).append(speed)
    return found


def rate(classify: Contender, files: list[bytes], seconds: float) -> float:
    """Returns pictures per second, measured for at least `seconds`."""
    classify(files[:4])  # load the model and warm up
    done, begin = 0, time.perf_counter()
    while (passed := time.perf_counter() - begin) < seconds:
        classify(files)
        done += len(files)
    return done / passed


def table(found: dict[tuple[str, str], list[float]]) -> str:
    """Returns the table in Markdown."""
    lines = ["| model | " + " | ".join(CONTENDERS) + " | ratio |", "|---|" + "---:|" * 3]
    for model in MODELS:
        rates = [found[model, contender] for contender in CONTENDERS]
        cells = [f"{statistics.median(r):.1f} ({min(r):.1f}–{max(r):.1f})" for r in rates]
        ratio = statistics.median(ours / other for ours, other in zip(*rates, strict=True))
        lines.append(f"| `{model}` | " + " | ".join(cells) + f" | {ratio:.1f}× |")
    return "\n".join(lines)


def main() -> None:
    parser = Parser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument("--rounds", type=positive(int), default=5)
    parser.add_argument(
        "--seconds", type=positive(float), default=5.0, help="minimum duration of each measurement"
    )
    arguments = parser.parse_args()
    found = measure(arguments.rounds, arguments.seconds)
    print(f"Pictures per second, {processors()} processors, {platform.machine()}:\n")
    print(table(found))


if __name__ == "__main__":
    main()
