"""A Ray cluster of several nodes on this machine."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.server import environment, free_port

RAY = Path(sys.executable).with_name("ray")


class Node:
    """A node, started in the same way as users start it."""

    def __init__(
        self, *arguments: str, token: str, processors: int, settings: Mapping[str, object]
    ) -> None:
        command = [str(RAY), "start", *arguments, f"--num-cpus={processors}"]
        self._run = subprocess.Popen(
            [*command, "--block", "--disable-usage-stats"],
            env=environment(
                RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=token, PYTHONUNBUFFERED=1, **settings
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self._run.stdout
        output = ""
        with self._run.stdout as lines:
            for line in lines:
                output += line
                if "exit logs" in line:  # the last one
                    return
        raise RuntimeError(f"the node has not started:\n{output}")

    @property
    def pid(self) -> int:
        """The process that has started all others of the node."""
        return self._run.pid

    def replicas(self) -> list[int]:
        """Returns the processes of the node that run a replica."""
        found = descendants(self.pid)
        return sorted(pid for pid in found if _command(pid).startswith(b"ray::ServeReplica"))

    def kill(self) -> None:
        """Ends all processes of the node immediately, as if its machine lost its power."""
        for pid in [self._run.pid, *descendants(self._run.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._run.wait()


class RayCluster:
    """A head and the nodes that have joined it, all with the same `settings`.

    With a `dashboard`, the head has Ray's REST API at that port.
    """

    def __init__(self, dashboard: int | None = None, **settings: object) -> None:
        self.token = secrets.token_hex(32)
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._dashboard = (
            ["--include-dashboard=false"]
            if dashboard is None
            else [f"--dashboard-port={dashboard}", f"--dashboard-agent-listen-port={free_port()}"]
        )
        self._settings = settings
        self._nodes: list[Node] = []
        self.start_head()

    def start_head(self) -> None:
        """Starts a head, or another one after the first was killed."""
        self.head = self._start("--head", f"--port={self.port}", *self._dashboard)

    def add_node(self) -> Node:
        """Starts a node that joins the cluster."""
        return self._start(f"--address={self.address}")

    def _start(self, *arguments: str) -> Node:
        node = Node(
            *arguments,
            "--node-ip-address=127.0.0.1",
            token=self.token,
            processors=1,
            settings=self._settings,
        )
        self._nodes.append(node)
        return node

    def kill(self) -> None:
        """Ends all nodes."""
        for node in self._nodes:
            node.kill()


@contextmanager
def ray_cluster(dashboard: int | None = None, **settings: object) -> Iterator[RayCluster]:
    """Starts a cluster with only a head, and ends all of its nodes afterwards."""
    cluster = RayCluster(dashboard, **settings)
    try:
        yield cluster
    finally:
        cluster.kill()


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def descendants(pid: int) -> list[int]:
    """Returns the processes that a process has started, and those that they have started."""
    children: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = status.read_text().rsplit(")", 1)[1].split()
            children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found, waiting = [], [pid]
    while waiting:
        started = children.get(waiting.pop(), [])
        found += started
        waiting += started
    return found
