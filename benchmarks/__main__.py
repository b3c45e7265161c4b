"""The app against what people would otherwise pick: `make bench`.

All contenders for a model are started, all but the one that is measured are held (SIGSTOP),
and they take turns, round after round. Every picture is a new one, so that no memory of
answers helps, except in the row that says so.
"""

import argparse
import json
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plot
import numpy
from tqdm import tqdm

from benchmarks import engine, material, peak, start
from benchmarks.material import MODELS
from benchmarks.serving import Server, redis_server, serving
from classifier.settings import processors

FOLDER = Path(__file__).parent
PICTURES = 2000
CLIENTS = 16
CROWD = 500
COURSE_ROUNDS = 3  # of a minute and a half
MANY = 10_000
END = 500  # jobs at either end of many
APP, STOCK, LITSERVE, COURSE, ENGINE = (
    "the app",
    "stock `gr.Interface`",
    "LitServe, batching",
    "the course's pipeline",
    "the engine in process",
)
NOTHING = "stock Gradio, doing nothing"
CONTENDERS = (APP, STOCK, LITSERVE, COURSE, ENGINE)
STARTS = (FIRST, IMPORTS) = ("to the first answer", "importing")


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
class Run:
    """One way to be asked."""

    model: str
    contender: str
    clients: int = CLIENTS
    repeated: bool = False


@dataclass
class Results:
    """`rates` are answers a second, one for each round; `seconds` those of starts.

    `peak` and `operations` are in 10⁹ operations, a second and a picture; `lasting` are the
    rates at both ends of many jobs, and the memory (10⁶ bytes) held after each.
    """

    rates: dict[Run, list[float]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    peak: list[float] = field(default_factory=list)
    operations: dict[str, float] = field(default_factory=dict)
    lasting: list[tuple[float, float]] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """All of it as JSON."""
        rates = [vars(run) | {"rates": rates} for run, rates in self.rates.items()]
        return vars(self) | {"rates": rates}


def measure(rounds: int, seconds: float, save: Callable[[Results], None]) -> Results:
    """Every contender with every model, in turn; saves what there is after each model."""
    results = Results()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        files = material.pictures(PICTURES)
        names = [f"{number:05}.jpg" for number in range(PICTURES)]
        for picture, content in zip(names, files, strict=True):
            (folder / "images" / picture).write_bytes(content)
        for model in tqdm(MODELS, "models"):
            chosen = material.with_weights(model, folder)
            results.operations[model] = peak.operations(chosen)
            with ExitStack() as stack:
                servers = contenders(stack, model, folder)
                in_process = stack.enter_context(engine.ours(chosen, folder))
                runs = _runs(model, servers)
                for number in tqdm(range(rounds), model, leave=False):
                    results.peak.append(peak.peak())
                    for run in runs[:: 1 if number % 2 else -1]:
                        if run.contender == COURSE and number >= COURSE_ROUNDS:
                            continue
                        if run.contender == ENGINE:
                            queue = files[:40] if run.clients > 1 else files[:1]
                            rate = engine.rate(in_process, queue, seconds)
                        else:
                            rate = _ask(servers[run.contender], run, names, seconds)
                        results.rates.setdefault(run, []).append(rate)
                if model == "tiny":
                    results.lasting = _last(servers[APP], names)
            save(results)
        for number in tqdm(range(rounds), "starts"):
            for what in list(STARTS)[:: 1 if number % 2 else -1]:
                took = start.imports() if what == IMPORTS else start.first_answer(folder / "cache")
                results.seconds.setdefault(what, []).append(took)
    return results


def _runs(model: str, servers: dict[str, Server]) -> list[Run]:
    runs = [Run(model, contender) for contender in [*servers, ENGINE]]
    runs += [Run(model, APP, 1), Run(model, ENGINE, 1)]
    if NOTHING in servers:
        runs += [Run(model, NOTHING, 1), Run(model, APP, repeated=True), Run(model, APP, CROWD)]
    return runs


def _ask(server: Server, run: Run, names: Sequence[str], seconds: float) -> float:
    named = "nothing" if run.contender == NOTHING else run.model
    names = names[:1] if run.repeated else names
    server.go_on()
    try:
        if run.contender != COURSE:  # whose every job begins with nothing
            server.ask(named, names, 2, jobs=4)  # loaded, and warm
        if run.clients > CLIENTS:  # until all have been answered
            return server.ask(named, names, run.clients, jobs=2 * run.clients)
        return server.ask(named, names, run.clients, seconds=seconds)
    finally:
        server.hold()


def _last(server: Server, names: Sequence[str]) -> list[tuple[float, float]]:
    """The rate of the first and of the last of many jobs, and the memory held after each."""
    server.go_on()
    try:
        found = []
        for jobs in (END, MANY - 2 * END, END):
            rate = server.ask("tiny", names, CLIENTS, jobs=jobs)
            found.append((rate, server.megabytes()))
        return [found[0], found[-1]]
    finally:
        server.hold()


def table(results: Results) -> str:
    """Markdown: medians, with the lowest and the highest round."""
    rates = results.rates
    peak_rate = statistics.median(results.peak)
    lines = _head(f"answers a second, {CLIENTS} clients", MODELS)
    for contender in CONTENDERS:
        cells = [_cell(rates.get(Run(model, contender))) for model in MODELS]
        lines.append(_row(contender, cells))
    lines += _head("the app against", MODELS)
    for contender in CONTENDERS[1:]:
        pairs = [(rates[Run(model, APP)], rates.get(Run(model, contender))) for model in MODELS]
        lines.append(_row(contender, [f"{_ratio(a, b):.2f}×" if b else "" for a, b in pairs]))
    lit = [_ratio(rates[Run(model, APP)], rates[Run(model, LITSERVE)]) for model in MODELS]
    lines += ["", f"Against LitServe {statistics.geometric_mean(lit):.2f}×, the geometric mean."]
    lines += _head("share of the processor's peak", MODELS)
    for contender in (APP, ENGINE):
        shares = [
            statistics.median(rates[Run(model, contender)]) * results.operations[model] / peak_rate
            for model in MODELS
        ]
        lines.append(_row(contender, [f"{share:.0%}" for share in shares]))
    lines += _head("one client, milliseconds an answer", MODELS)
    nothing = rates[Run("tiny", NOTHING, 1)]
    for contender in (APP, ENGINE):
        cells = [f"{_milliseconds(rates[Run(model, contender, 1)]):.1f}" for model in MODELS]
        lines.append(_row(contender, cells))
    lines.append(_row(NOTHING, [f"{_milliseconds(nothing):.1f}", *[""] * (len(MODELS) - 1)]))
    cells = [
        f"{_above(rates[Run(model, APP, 1)], rates[Run(model, ENGINE, 1)], nothing):.2f}×"
        for model in MODELS
    ]
    lines.append(_row("the app above the engine, against doing nothing", cells))

    lines += _head("`tiny`", ["answers a second", "against"])
    app, crowd = rates[Run("tiny", APP)], rates[Run("tiny", APP, CROWD)]
    repeated, idle = rates[Run("tiny", APP, repeated=True)], rates[Run("tiny", NOTHING)]
    (first, before), (last, after) = results.lasting
    lines += [
        _row(f"{NOTHING}, {CLIENTS} clients", [_cell(idle), ""]),
        _row("one question repeated", [_cell(repeated), f"{_ratio(repeated, idle):.2f}×"]),
        _row(f"{CROWD} clients", [_cell(crowd), f"{_ratio(crowd, app):.2f}× of {CLIENTS}"]),
        _row(f"the last {END} of {MANY:,}", [f"{last:.1f}", f"{last / first:.2f}× of the first"]),
    ]
    starts = [results.seconds[what] for what in STARTS]
    lines += [
        "",
        f"Memory grew by {after - before:.0f} MB between the first {END} jobs and the last.",
        f"From the start to the first answer {_cell(starts[0])} s, {_ratio(*starts):.2f}× of "
        f"importing gradio and torch, {_cell(starts[1])} s.",
        f"The peak is {peak_rate:.0f} · 10⁹ operations a second, of a matrix product.",
    ]
    return "\n".join(lines).strip()


def _head(title: str, columns: Sequence[str]) -> list[str]:
    return ["", _row(title, columns), "|---|" + "---:|" * len(columns)]


def _row(title: str, cells: Sequence[str]) -> str:
    return f"| {title} | " + " | ".join(cells) + " |"


def _milliseconds(rates: list[float]) -> float:
    return 1000 / statistics.median(rates)


def _above(app: list[float], engine: list[float], nothing: list[float]) -> float:
    """What the app takes longer than the engine, against what doing nothing takes."""
    rounds = zip(app, engine, nothing, strict=True)
    return statistics.median((1 / a - 1 / e) * n for a, e, n in rounds)


def _cell(rates: list[float] | None) -> str:
    if not rates:
        return ""
    return f"{statistics.median(rates):.1f} ({min(rates):.1f}–{max(rates):.1f})"


def _ratio(ours: list[float], other: list[float]) -> float:
    """The median of the ratios of each round: what slows the machine slows both.

    One of them may have had fewer rounds.
    """
    return statistics.median(a / b for a, b in zip(ours, other, strict=False))


def draw(results: Results, file: Path) -> None:
    """Bars of the medians on a logarithmic scale."""
    figure, axes = plot.subplots(figsize=(9, 4))
    contenders = [COURSE, STOCK, LITSERVE, APP, ENGINE]
    width = 0.8 / len(contenders)
    for place, contender in enumerate(contenders):
        rates = [results.rates.get(Run(model, contender), [numpy.nan]) for model in MODELS]
        at = numpy.arange(len(MODELS)) + (place - 2) * width
        axes.bar(at, [statistics.median(row) for row in rates], width, label=contender)
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--output", type=Path, default=FOLDER, help="where the results go")
    chosen = parser.parse_args()
    begin = time.monotonic()

    def save(results: Results) -> None:
        facts = {
            "machine": machine(),
            "rounds": chosen.rounds,
            "seconds": chosen.seconds,
            "minutes": round((time.monotonic() - begin) / 60),
            **results.record(),
        }
        (chosen.output / "results.json").write_text(json.dumps(facts, indent=1) + "\n")

    results = measure(chosen.rounds, chosen.seconds, save)
    save(results)
    draw(results, chosen.output / "results.png")
    text = table(results)
    (chosen.output / "results.md").write_text(f"{machine()}\n\n{text}\n")
    print(text)


if __name__ == "__main__":
    main()
