"""Compares models on a Ray Serve cluster on this machine with models in this process.

`python -m benchmarks.cluster` asks both for the same pictures in turn, round after round, with as
many clients as one replica for each processor can take, and with a single client.
"""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torchvision.models import resnet50

from benchmarks import material
from benchmarks.__main__ import machine
from benchmarks.arguments import positive
from benchmarks.checks import Parser, require_packages
from classifier.inference.async_classifier import AsyncClassifier
from classifier.inference.backend import Backend
from classifier.machine import processors
from classifier.models.model import Model
from classifier.pictures.source import PictureSource
from classifier.settings import Settings

CLIENTS = 64
GOALS = {"tiny": 0.6, material.DEFAULT: 0.75, "resnet50": 0.9}
FULL_SECONDS = 60.0  # until Ray has started as many replicas as there are processors


def create_resnet50(folder: Path) -> str:
    """Creates a resnet50 with random weights, which are as fast as trained ones."""
    folder.mkdir()
    torch.manual_seed(0)
    save_file(resnet50(weights=None).state_dict(), folder / "model.safetensors")
    (folder / "labels.txt").write_text("\n".join(f"label {number}" for number in range(1000)))
    (folder / "architecture.txt").write_text("resnet50")
    return str(folder)


async def rate(
    backend: Backend, model: Model, pictures: Sequence[bytes], clients: int, seconds: float
) -> tuple[float, float]:
    """Returns the pictures per second, and the median seconds that a client waits for one."""
    waits: list[float] = []
    end = time.perf_counter() + seconds

    async def client(number: int) -> None:
        while (begin := time.perf_counter()) < end:
            picture = pictures[(number + len(waits)) % len(pictures)]
            await backend.classify(PictureSource(picture, "picture.jpg"), model)
            waits.append(time.perf_counter() - begin)

    await asyncio.gather(*(client(number) for number in range(clients)))
    return len(waits) / seconds, statistics.median(waits)


async def compare(settings: Settings, rounds: int, seconds: float) -> None:
    """Measures each model in this process and on a cluster, in turn, and prints a table."""
    pictures = material.pictures(200)
    local = AsyncClassifier.from_settings(replace(settings, cluster=""))
    cluster = AsyncClassifier.from_settings(replace(settings, cluster="local", concurrency=0))
    await cluster.backend.open()
    print("| model | clients | in process, pictures/s (p50) | cluster, pictures/s (p50) | ratio |")
    print("|---|---:|---:|---:|---:|")
    for name in settings.models:
        model = local.model(name)
        for classifier in (local, cluster):  # load it, and let Ray start all replicas
            await rate(classifier.backend, model, pictures, CLIENTS, 10)
        full = time.monotonic() + FULL_SECONDS
        while cluster.backend.capacity < processors() * 32 and time.monotonic() < full:
            await rate(cluster.backend, model, pictures, CLIENTS, 2)
        for clients in (1, CLIENTS):
            found: dict[str, list[tuple[float, float]]] = {"local": [], "cluster": []}
            for _ in range(rounds):
                for key, classifier in (("local", local), ("cluster", cluster)):
                    found[key].append(
                        await rate(classifier.backend, model, pictures, clients, seconds)
                    )
            ratios = [b[0] / a[0] for a, b in zip(found["local"], found["cluster"], strict=True)]
            label = Path(name).name
            goal = f" (goal {GOALS[label]})" if clients == CLIENTS and label in GOALS else ""
            print(
                f"| {label} | {clients} | {middle(found['local'])} | {middle(found['cluster'])} | "
                f"{statistics.median(ratios):.2f}{goal} |",
                flush=True,
            )
    await cluster.backend.close()


def middle(found: Sequence[tuple[float, float]]) -> str:
    """Formats the medians of rounds."""
    pictures = statistics.median(each[0] for each in found)
    seconds = statistics.median(each[1] for each in found)
    return f"{pictures:.0f} ({seconds * 1000:.0f} ms)"


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Runs a coroutine in an event loop of its own."""

    async def main() -> None:
        await work()

    asyncio.run(main())


def main() -> None:
    """Reads the arguments and measures."""
    parser = Parser(description=__doc__)
    parser.add_argument("--rounds", type=positive(int), default=5)
    parser.add_argument("--seconds", type=positive(int), default=5, help="for each measurement")
    chosen = parser.parse_args()
    require_packages(parser, "ray")
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(
            Settings(),
            models=("tiny", material.DEFAULT, create_resnet50(Path(folder, "resnet50"))),
            concurrency=processors(),
        )
        run(lambda: compare(settings, chosen.rounds, chosen.seconds))


if __name__ == "__main__":
    main()
