"""Compares the app with its alternatives: `make bench`.

For each model, all contenders are started and then measured in turn, round after round. All but
the measured one are paused (SIGSTOP). Every request uses a new picture, so that cached results
do not help. The only exception is the row about a repeated request.
"""

import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
from tqdm import tqdm

from benchmarks import engine, material, peak, start
from benchmarks.arguments import output_folder, positive, require_program
from benchmarks.checks import Parser, require_linux, require_packages
from benchmarks.material import DEFAULT, MODELS
from benchmarks.serving import Server, redis_server, serving
from classifier.machine import processors

FOLDER = Path(__file__).parent
PICTURES = 2000
CLIENTS = 16
CROWD = 500
COURSE_ROUNDS = 3  # each takes a minute and a half
MANY = 10_000
END = 500  # jobs that are compared at the start and at the end of MANY
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
    """Starts and pauses the servers of a model, and returns them by name.

    The course's pipeline is so slow that it is measured with one model only.
    """
    weights = str(folder)
    plans = {
        APP: ("gradio", "ours", [weights]),
        STOCK: ("gradio", "stock", [weights, model]),
        LITSERVE: ("litserve", "lit", [weights, model, "{port}"]),
    }
    if model == DEFAULT:
        plans[NOTHING] = ("gradio", "stock", [weights, "nothing"])
    if model == "resnet18":
        redis = str(stack.enter_context(redis_server(folder)))
        plans[COURSE] = ("course", "course", [weights, "{port}", redis])
    servers = {}
    for name, plan in plans.items():
        servers[name] = stack.enter_context(serving(*plan, folder))
        servers[name].hold()
    return servers


@dataclass(frozen=True)
class Run:
    """One measurement: a contender, its model and how clients send requests."""

    model: str
    contender: str
    clients: int = CLIENTS
    repeated: bool = False


@dataclass
class Results:
    """The measurements.

    `rates` are responses per second, one value for each round. `seconds` are the durations of
    starts. `peak` is in 10⁹ operations per second, `operations` in 10⁹ operations per picture.
    `lasting` holds the rates of the first and the last of many jobs, each with the memory
    (10⁶ bytes) in use afterwards.
    """

    rates: dict[Run, list[float]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    peak: list[float] = field(default_factory=list)
    operations: dict[str, float] = field(default_factory=dict)
    lasting: list[tuple[float, float]] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """Returns all measurements as values that JSON can represent."""
        rates = [vars(run) | {"rates": rates} for run, rates in self.rates.items()]
        return vars(self) | {"rates": rates}


def measure(rounds: int, seconds: float, save: Callable[[Results], None]) -> Results:
    """Measures every contender with every model, and saves the results after each model."""
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
                if model == DEFAULT:
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
        if run.contender != COURSE:  # it starts a new process for every job, so it stays cold
            server.ask(named, names, 2, jobs=4)  # load the model and warm up
        if run.clients > CLIENTS:  # measure until every client has its responses
            return server.ask(named, names, run.clients, jobs=2 * run.clients)
        return server.ask(named, names, run.clients, seconds=seconds)
    finally:
        server.hold()


def _last(server: Server, names: Sequence[str]) -> list[tuple[float, float]]:
    """Returns the rates of the first and the last of many jobs, each with the memory after it."""
    server.go_on()
    try:
        found = []
        for jobs in (END, MANY - 2 * END, END):
            rate = server.ask(DEFAULT, names, CLIENTS, jobs=jobs)
            found.append((rate, server.megabytes()))
        return [found[0], found[-1]]
    finally:
        server.hold()


def table(results: Results) -> str:
    """Returns Markdown tables of medians, with the lowest and the highest round."""
    rates = results.rates
    peak_rate = statistics.median(results.peak)
    lines = _head(f"responses per second, {CLIENTS} clients", MODELS)
    for contender in CONTENDERS:
        cells = [_cell(rates.get(Run(model, contender))) for model in MODELS]
        lines.append(_row(contender, cells))
    lines += _head("the app compared with", MODELS)
    for contender in CONTENDERS[1:]:
        pairs = [(rates[Run(model, APP)], rates.get(Run(model, contender))) for model in MODELS]
        lines.append(_row(contender, [f"{_ratio(a, b):.2f}×" if b else "" for a, b in pairs]))
    lit = [_ratio(rates[Run(model, APP)], rates[Run(model, LITSERVE)]) for model in MODELS]
    lines += [
        "",
        f"Compared with LitServe: {statistics.geometric_mean(lit):.2f}× (geometric mean).",
    ]
    lines += _head("share of the processor's peak", MODELS)
    for contender in (APP, ENGINE):
        shares = [
            statistics.median(rates[Run(model, contender)]) * results.operations[model] / peak_rate
            for model in MODELS
        ]
        lines.append(_row(contender, [f"{share:.0%}" for share in shares]))
    lines += _head("one client, milliseconds per response", MODELS)
    nothing = rates[Run(DEFAULT, NOTHING, 1)]
    for contender in (APP, ENGINE):
        cells = [f"{_milliseconds(rates[Run(model, contender, 1)]):.1f}" for model in MODELS]
        lines.append(_row(contender, cells))
    lines.append(_row(NOTHING, [f"{_milliseconds(nothing):.1f}", *[""] * (len(MODELS) - 1)]))
    cells = [
        f"{_above(rates[Run(model, APP, 1)], rates[Run(model, ENGINE, 1)], nothing):.2f}×"
        for model in MODELS
    ]
    lines.append(_row("extra time of the app over the engine, relative to doing nothing", cells))

    lines += _head(f"`{DEFAULT}`", ["responses per second", "ratio"])
    app, crowd = rates[Run(DEFAULT, APP)], rates[Run(DEFAULT, APP, CROWD)]
    repeated, idle = rates[Run(DEFAULT, APP, repeated=True)], rates[Run(DEFAULT, NOTHING)]
    (first, before), (last, after) = results.lasting
    lines += [
        _row(f"{NOTHING}, {CLIENTS} clients", [_cell(idle), ""]),
        _row(
            "one repeated request",
            [_cell(repeated), f"{_ratio(repeated, idle):.2f}× of doing nothing"],
        ),
        _row(f"{CROWD} clients", [_cell(crowd), f"{_ratio(crowd, app):.2f}× of {CLIENTS} clients"]),
        _row(
            f"the last {END} of {MANY:,} jobs",
            [f"{last:.1f}", f"{last / first:.2f}× of the first {END}"],
        ),
    ]
    starts = [results.seconds[what] for what in STARTS]
    lines += [
        "",
        f"Memory use grew by {after - before:.0f} MB from the first {END} jobs to the last {END}.",
        f"The first response comes {_cell(starts[0])} s after the start. This is "
        f"{_ratio(*starts):.2f}× the time to import gradio and torch, {_cell(starts[1])} s.",
        f"The peak is {peak_rate:.0f} · 10⁹ operations per second, measured with a matrix product.",
    ]
    return "\n".join(lines).strip()


def _head(title: str, columns: Sequence[str]) -> list[str]:
    return ["", _row(title, columns), "|---|" + "---:|" * len(columns)]


def _row(title: str, cells: Sequence[str]) -> str:
    return f"| {title} | " + " | ".join(cells) + " |"


def _milliseconds(rates: list[float]) -> float:
    return 1000 / statistics.median(rates)


def _above(app: list[float], engine: list[float], nothing: list[float]) -> float:
    """Returns the app's extra time over the engine, as a ratio to the time of doing nothing."""
    rounds = zip(app, engine, nothing, strict=True)
    return statistics.median((1 / a - 1 / e) * n for a, e, n in rounds)


def _cell(rates: list[float] | None) -> str:
    if not rates:
        return ""
    return f"{statistics.median(rates):.1f} ({min(rates):.1f}–{max(rates):.1f})"


def _ratio(ours: list[float], other: list[float]) -> float:
    """Returns the median of the ratios of the rounds.

    Ratios of single rounds are robust, because a slow machine slows both contenders.
    One of them may have fewer rounds.
    """
    return statistics.median(a / b for a, b in zip(ours, other, strict=False))


def draw(results: Results, file: Path) -> None:
    """Saves a bar chart of the medians on a logarithmic scale."""
    # matplotlib is installed for this benchmark only, and `benchmarks.jobs` imports this module.
    import matplotlib.pyplot as plot

    figure, axes = plot.subplots(figsize=(9, 4))
    contenders = [COURSE, STOCK, LITSERVE, APP, ENGINE]
    width = 0.8 / len(contenders)
    for place, contender in enumerate(contenders):
        rates = [results.rates.get(Run(model, contender), [numpy.nan]) for model in MODELS]
        at = numpy.arange(len(MODELS)) + (place - 2) * width
        axes.bar(at, [statistics.median(row) for row in rates], width, label=contender)
    axes.set_yscale("log")
    axes.set_ylabel(f"responses per second, {CLIENTS} clients")
    axes.set_xticks(numpy.arange(len(MODELS)), MODELS)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def machine() -> str:
    """Returns the processor's name and the number of processors."""
    information = Path("/proc/cpuinfo")
    names = information.read_text().splitlines() if information.exists() else []
    model = next((line.split(":")[1].strip() for line in names if "model name" in line), "")
    return f"{model or platform.machine()}, {processors()} processors"


def main() -> None:
    parser = Parser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=positive(int), default=10)
    parser.add_argument(
        "--seconds", type=positive(float), default=2.0, help="duration of each measurement"
    )
    parser.add_argument(
        "--output", type=output_folder, default=str(FOLDER), help="the folder for the results"
    )
    chosen = parser.parse_args()
    require_linux(parser)
    require_packages(parser, "aiohttp", "litserve", "matplotlib", "redis", "rq")
    require_program(parser, "redis-server", "the course's pipeline")
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
