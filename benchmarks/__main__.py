"""The app against what people would otherwise pick: `make bench`.

All contenders for a model are started, all but the one that is measured are held (SIGSTOP),
and they take turns, round after round. Every picture is a new one, so that no memory of
answers helps, except in the row that says so.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plot
import numpy
from tqdm import tqdm

from benchmarks import engine, material
from benchmarks.material import MODELS
from classifier.settings import processors

FOLDER = Path(__file__).parent
PICTURES = 2000
CLIENTS = 16
START_SECONDS = 120
APP, STOCK, LITSERVE, COURSE, ENGINE = (
    "the app",
    "stock `gr.Interface`",
    "LitServe, batching",
    "the course's pipeline",
    "the engine in process",
)
NOTHING = "stock Gradio, doing nothing"


@dataclass
class Server:
    """A contender that serves, in a process group of its own."""

    process: "subprocess.Popen[bytes]"
    kind: str
    address: str

    def hold(self) -> None:
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.killpg(self.process.pid, signal.SIGCONT)

    def ask(self, model: str, names: Sequence[str], clients: int, seconds: float) -> float:
        """Answers a second to so many clients."""
        command = ["benchmarks.load", self.kind, self.address, model, *names]
        options = ["--clients", str(clients), "--seconds", str(seconds)]
        done = subprocess.run(
            [sys.executable, "-m", *command, *options], capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError(f"{self.kind} failed:\n{done.stderr}")
        result = json.loads(done.stdout)
        rate: float = result["done"] / result["seconds"]
        return rate


@contextmanager
def serving(
    kind: str, module: str, arguments: Sequence[str], folder: Path, **settings: str
) -> Iterator[Server]:
    """Starts `benchmarks.servers.MODULE`; `{port}` in its arguments is a free one."""
    port = _free_port()
    environment = os.environ | {
        "CLASSIFIER_IMAGES": str(folder / "images"),
        "CLASSIFIER_CACHE": str(folder / "cache"),
        "CLASSIFIER_MODELS": ",".join(MODELS),
        "CLASSIFIER_DEVICE": "cpu",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        **settings,
    }
    command = [argument.format(port=port) for argument in arguments]
    with (folder / f"{module}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", f"benchmarks.servers.{module}", *command],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(process, kind, f"http://127.0.0.1:{port}")
    try:
        _wait_for(port, process, folder / f"{module}.log")
        yield server
    finally:
        os.killpg(process.pid, signal.SIGCONT)
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    """The port of a Redis that keeps nothing."""
    port = _free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(20)


def contenders(stack: ExitStack, model: str, folder: Path) -> dict[str, Server]:
    """Those that serve a model, started and held. The course's is so slow that one must do."""
    weights = str(folder)
    plans = {
        APP: ("gradio", "ours", [weights]),
        STOCK: ("gradio", "stock", [weights, model]),
        LITSERVE: ("litserve", "lit", [weights, model, "{port}"]),
    }
    if model == "tiny":
        plans[NOTHING] = ("gradio", "stock", [weights, "nothing"])
    if model == "resnet18":
        if not shutil.which("redis-server"):
            sys.exit("The course's pipeline needs redis-server: apt-get install redis-server")
        redis = str(stack.enter_context(redis_server(folder)))
        plans[COURSE] = ("course", "course", [weights, "{port}", redis])
    servers = {}
    for name, plan in plans.items():
        servers[name] = stack.enter_context(serving(*plan, folder))
        servers[name].hold()
    return servers


@dataclass(frozen=True)
class Measured:
    """Answers a second, one for each round."""

    model: str
    contender: str
    clients: int
    repeated: bool
    rates: list[float]


def measure(rounds: int, seconds: float) -> list[Measured]:
    """Every contender with every model, in turn."""
    found: dict[tuple[str, str, int, bool], list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        files = material.pictures(PICTURES)
        names = [f"{number:05}.jpg" for number in range(PICTURES)]
        for picture, content in zip(names, files, strict=True):
            (folder / "images" / picture).write_bytes(content)
        for model in tqdm(MODELS, "models"):
            chosen = material.with_weights(model, folder)
            with ExitStack() as stack:
                servers = contenders(stack, model, folder)
                in_process = stack.enter_context(engine.ours(chosen, folder))
                runs: list[tuple[str, int, bool]] = [
                    (contender, CLIENTS, False) for contender in [*servers, ENGINE]
                ]
                runs += [(APP, 1, False), (ENGINE, 1, False)]
                if NOTHING in servers:
                    runs += [(NOTHING, 1, False), (APP, CLIENTS, True)]
                first = 0
                for number in tqdm(range(rounds), model, leave=False):
                    for contender, clients, repeated in runs[:: 1 if number % 2 else -1]:
                        first = (first + PICTURES // 3) % PICTURES
                        asked = names[:1] if repeated else names[first:] + names[:first]
                        if contender == ENGINE:
                            queue = files[:40] if clients > 1 else files[:1]
                            rate = engine.rate(in_process, queue, seconds)
                        else:
                            named = "nothing" if contender == NOTHING else model
                            rate = _ask(servers[contender], named, asked, clients, seconds)
                        found.setdefault((model, contender, clients, repeated), []).append(rate)
    return [Measured(*key, rates) for key, rates in found.items()]


def _ask(server: Server, model: str, names: Sequence[str], clients: int, seconds: float) -> float:
    server.go_on()
    try:
        server.ask(model, names[-2:], 2, 0.1)  # loaded, and warm
        return server.ask(model, names, clients, seconds)
    finally:
        server.hold()


def table(measured: list[Measured]) -> str:
    """Markdown: medians, with the lowest and the highest round."""
    contenders = [APP, STOCK, LITSERVE, COURSE, ENGINE]
    lines = [
        "| model | " + " | ".join(contenders) + " |",
        "|---|" + "---:|" * len(contenders),
    ]
    rates = {(row.model, row.contender, row.clients, row.repeated): row.rates for row in measured}
    for model in MODELS:
        cells = [_cell(rates.get((model, contender, CLIENTS, False))) for contender in contenders]
        lines.append(f"| `{model}` | " + " | ".join(cells) + " |")
    lines += ["", "| the app against | " + " | ".join(f"`{model}`" for model in MODELS) + " |"]
    lines.append("|---|" + "---:|" * len(MODELS))
    for contender in contenders[1:]:
        cells = []
        for model in MODELS:
            other = rates.get((model, contender, CLIENTS, False))
            ours = rates[model, APP, CLIENTS, False]
            cells.append(f"{_ratio(ours, other):.2f}×" if other else "")
        lines.append(f"| {contender} | " + " | ".join(cells) + " |")
    lines += ["", "| | answers a second |", "|---|---:|"]
    lines.append(f"| {NOTHING}, {CLIENTS} clients | {_cell(rates['tiny', NOTHING, 16, False])} |")
    lines.append(f"| the app, one question repeated | {_cell(rates['tiny', APP, CLIENTS, True])} |")
    lines += ["", "| one client, milliseconds an answer | " + " | ".join(MODELS) + " |"]
    lines.append("|---|" + "---:|" * len(MODELS))
    for contender in (APP, ENGINE):
        cells = [
            f"{1000 / statistics.median(rates[model, contender, 1, False]):.1f}" for model in MODELS
        ]
        lines.append(f"| {contender} | " + " | ".join(cells) + " |")
    nothing = 1000 / statistics.median(rates["tiny", NOTHING, 1, False])
    lines.append(f"| {NOTHING} | " + " | ".join([f"{nothing:.1f}"] * len(MODELS)) + " |")
    return "\n".join(lines)


def _cell(rates: list[float] | None) -> str:
    if not rates:
        return ""
    return f"{statistics.median(rates):.1f} ({min(rates):.1f}–{max(rates):.1f})"


def _ratio(ours: list[float], other: list[float]) -> float:
    """The median of the ratios of each round: what slows the machine slows both."""
    return statistics.median(a / b for a, b in zip(ours, other, strict=True))


def draw(measured: list[Measured], file: Path) -> None:
    """Bars of the medians on a logarithmic scale."""
    figure, axes = plot.subplots(figsize=(9, 4))
    contenders = [COURSE, STOCK, LITSERVE, APP, ENGINE]
    width = 0.8 / len(contenders)
    for place, contender in enumerate(contenders):
        rows = {
            row.model: statistics.median(row.rates)
            for row in measured
            if (row.contender, row.clients, row.repeated) == (contender, CLIENTS, False)
        }
        at = numpy.arange(len(MODELS)) + (place - 2) * width
        axes.bar(at, [rows.get(model, numpy.nan) for model in MODELS], width, label=contender)
    axes.set_yscale("log")
    axes.set_ylabel(f"answers a second, {CLIENTS} clients")
    axes.set_xticks(numpy.arange(len(MODELS)), MODELS)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def machine() -> str:
    """The processor, as the system calls it."""
    information = Path("/proc/cpuinfo")
    names = information.read_text().splitlines() if information.exists() else []
    model = next((line.split(":")[1].strip() for line in names if "model name" in line), "")
    return f"{model or platform.machine()}, {processors()} processors"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise RuntimeError(f"A contender did not start:\n{log.read_text()}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--output", type=Path, default=FOLDER, help="where the results go")
    chosen = parser.parse_args()
    begin = time.monotonic()
    measured = measure(chosen.rounds, chosen.seconds)
    facts = {
        "machine": machine(),
        "rounds": chosen.rounds,
        "seconds": chosen.seconds,
        "minutes": round((time.monotonic() - begin) / 60),
        "measured": [vars(row) for row in measured],
    }
    (chosen.output / "results.json").write_text(json.dumps(facts, indent=1) + "\n")
    draw(measured, chosen.output / "results.png")
    text = table(measured)
    (chosen.output / "results.md").write_text(f"{facts['machine']}\n\n{text}\n")
    print(text)


if __name__ == "__main__":
    main()
