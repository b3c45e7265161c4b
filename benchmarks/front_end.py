"""Measures how many jobs one server carries, and what it spends its processor time on.

`python -m benchmarks.front_end` sends jobs for `tiny` to a server over each of its interfaces: with
its models on a Ray Serve cluster on this machine, and with its models in its own process. It
measures the processor time of the server, of its link to the cluster, and of all other processes
of the cluster. The server does its work in one thread, so the jobs of one processor are the most
that one server can carry when the models run elsewhere. No result is cached.
"""

import collections
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from benchmarks import material
from benchmarks.__main__ import machine
from benchmarks.arguments import positive
from benchmarks.checks import Parser, require_linux, require_packages
from benchmarks.serving import Server, serving

CLIENTS = 64
PICTURES = 500
MODEL = "tiny"
INTERFACES = {"`/classify` of the API": "gradio", "jobs over REST": "tickets"}
BACKENDS = {"cluster": "local", "in process": ""}
READY_SECONDS = 120
PROFILE_SECONDS = 10
MOST = 8  # packages in the profile
TICKS = os.sysconf("SC_CLK_TCK")
PACKAGE = re.compile(r"site-packages/(\w+)|/(classifier)/|/python3\.\d+/(?!site-packages)(\w+)")


@dataclass(frozen=True)
class Milliseconds:
    """Processor time for each job, by the processes that spend it."""

    server: float
    link: float
    cluster: float


def spent(server: int, before: Mapping[int, float], jobs: int) -> Milliseconds:
    """Returns what the processes that were there before have spent since then."""
    found = dict.fromkeys(("server", "link", "cluster", "other"), 0.0)
    for pid, command, seconds in processes():
        if pid in before:
            found[kind(pid, command, server)] += seconds - before[pid]
    return Milliseconds(*(found[name] * 1000 / jobs for name in ("server", "link", "cluster")))


def kind(pid: int, command: str, server: int) -> str:
    """Returns what a process is part of."""
    if pid == server:
        return "server"
    if "classifier.inference.cluster" in command:
        return "link"
    return "cluster" if "ray::" in command or "/ray/" in command else "other"


def processes() -> Iterator[tuple[int, str, float]]:
    """Yields the ID, the command line and the processor seconds of each process."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it has ended
        yield int(folder.name), command, (int(fields[11]) + int(fields[12])) / TICKS


def measure(
    server: Server, names: list[str], rounds: int, seconds: float
) -> tuple[float, Milliseconds]:
    """Returns the median jobs per second, and the median milliseconds of processors."""
    rates, found = [], []
    server.ask(MODEL, names, CLIENTS, seconds=3)  # warms up
    for _ in range(rounds):
        asked, before = server.asked, {pid: used for pid, _, used in processes()}
        rates.append(server.ask(MODEL, names, CLIENTS, seconds=seconds))
        found.append(spent(server.process.pid, before, server.asked - asked))
    middle = Milliseconds(
        *(
            statistics.median(getattr(each, name) for each in found)
            for name in ("server", "link", "cluster")
        )
    )
    return statistics.median(rates), middle


def profile(server: Server, names: list[str], folder: Path) -> list[tuple[str, float]]:
    """Returns the packages in which the server spends its time under load, and their shares."""
    stacks = folder / "stacks.txt"
    recording = subprocess.Popen(
        [
            *(str(Path(sys.executable).with_name("py-spy")), "record", "--format", "raw"),
            *("--pid", str(server.process.pid), "--duration", str(PROFILE_SECONDS)),
            *("--output", str(stacks), "--gil", "--full-filenames"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server.ask(MODEL, names, CLIENTS, seconds=PROFILE_SECONDS + 2)
    recording.wait(60)
    counts: collections.Counter[str] = collections.Counter()
    for line in stacks.read_text().splitlines():
        stack, count = line.rsplit(" ", 1)
        counts[package(stack)] += int(count)
    total = sum(counts.values())
    return [(name, count / total) for name, count in counts.most_common(MOST)]


def package(stack: str) -> str:
    """Returns the package of the innermost function of a stack."""
    match = PACKAGE.search(stack.rsplit(";", 1)[-1])
    return next(filter(None, match.groups())) if match else "other"


def wait_until_ready(address: str) -> None:
    """Waits until the server can classify."""
    end = time.monotonic() + READY_SECONDS
    while httpx.get(f"{address}/ready", trust_env=False, timeout=30).status_code != 200:
        if time.monotonic() > end:
            raise RuntimeError("the cluster is not ready")
        time.sleep(0.5)


def report(folder: Path, rounds: int, seconds: float) -> None:
    """Measures everything, and prints a table and the profiles."""
    contents = material.pictures(PICTURES)
    names = [f"{number:05}.jpg" for number in range(PICTURES)]
    (folder / "images").mkdir(parents=True)
    for name, content in zip(names, contents, strict=True):
        (folder / "images" / name).write_bytes(content)
    print("| interface | models | jobs/s | server | link | cluster | most for one server |")
    print("|---|---|---:|---:|---:|---:|---:|")
    profiles = {}
    for backend, cluster in BACKENDS.items():
        with serving(
            "tickets",
            "ours",
            [name],
            folder,
            CLASSIFIER_CLUSTER=cluster,
            CLASSIFIER_MODELS=MODEL,
            # Any delay disables the cache of results; this one is too short to slow down a job.
            CLASSIFIER_DELAY_SECONDS="0.000001",
        ) as server:
            wait_until_ready(server.address)
            for interface, load in INTERFACES.items():
                asked = replace(server, kind=load)
                rate, used = measure(asked, names, rounds, seconds)
                print(
                    f"| {interface} | {backend} | {rate:.0f} | {used.server:.2f} ms | "
                    f"{used.link:.2f} ms | {used.cluster:.2f} ms | "
                    f"{1000 / used.server:.0f} jobs/s |",
                    flush=True,
                )
                if cluster:
                    profiles[interface] = profile(asked, names, folder)
    for interface, shares in profiles.items():
        listed = ", ".join(f"{name} {share:.0%}" for name, share in shares)
        print(f"\nWhat the server spends on {interface}: {listed}")


def main() -> None:
    """Reads the arguments and measures."""
    parser = Parser(prog="python -m benchmarks.front_end", description=__doc__)
    parser.add_argument("--rounds", type=positive(int), default=5)
    parser.add_argument(
        "--seconds", type=positive(float), default=5.0, help="duration of each measurement"
    )
    chosen = parser.parse_args()
    require_linux(parser)
    require_packages(parser, "aiohttp", "ray")  # py-spy comes with Ray
    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        report(Path(folder), chosen.rounds, chosen.seconds)


if __name__ == "__main__":
    main()
