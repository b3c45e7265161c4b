"""A Ray cluster of several nodes on this machine."""

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.server import free_port

RAY = Path(sys.executable).with_name("ray")
START_SECONDS = 120


class Node:
    """A node, started in the same way as users start it."""

    def __init__(self, *arguments: str, token: str, processors: int) -> None:
        command = [str(RAY), "start", *arguments, f"--num-cpus={processors}"]
        self._run = subprocess.Popen(
            [*command, "--block", "--disable-usage-stats"],
            env=os.environ
            | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token, "PYTHONUNBUFFERED": "1"},
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

    def kill(self) -> None:
        """Ends all processes of the node immediately, as if its machine lost its power."""
        for pid in [self._run.pid, *descendants(self._run.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._run.wait()


class RayCluster:
    """A head and the nodes that have joined it."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(32)
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._nodes: list[Node] = []
        self.start_head()

    def start_head(self) -> None:
        """Starts a head, or another one after the first was killed."""
        self.head = Node(
            "--head",
            f"--port={self.port}",
            "--node-ip-address=127.0.0.1",
            "--include-dashboard=false",
            token=self.token,
            processors=1,
        )
        self._nodes.append(self.head)

    def add_node(self) -> Node:
        """Starts a node that joins the cluster."""
        node = Node(
            f"--address={self.address}",
            "--node-ip-address=127.0.0.1",
            token=self.token,
            processors=1,
        )
        self._nodes.append(node)
        return node

    def kill(self) -> None:
        """Ends all nodes."""
        for node in self._nodes:
            node.kill()


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    """Starts a cluster with only a head, and ends all of its nodes afterwards."""
    cluster = RayCluster()
    try:
        yield cluster
    finally:
        cluster.kill()


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
