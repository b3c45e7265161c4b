"""Hosts of their own on this machine: each has its network, its home and its Ray."""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.server import PROJECT, environment

CAN_CREATE = os.geteuid() == 0 and shutil.which("ip") and shutil.which("unshare")
needs_hosts = pytest.mark.skipif(
    not CAN_CREATE, reason="only root can create hosts, with the programs ip and unshare"
)


RAY_FOLDER = "/tmp/ray"


@dataclass(frozen=True)
class Host:
    """A host with an address. What its programs print is in `folder`."""

    name: str
    address: str
    folder: Path
    _started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def start(self, command: str, **settings: object) -> Path:
        """Starts a command in the project, and returns the file with its output."""
        log = self.folder / f"{self.name}.log"
        # Only this process and those that it starts see these mounts.
        script = f"""
            mkdir -p {RAY_FOLDER} {self._home}
            mount -t tmpfs tmpfs {RAY_FOLDER}
            mount -t tmpfs tmpfs /dev/shm
            cd {shlex.quote(str(PROJECT))}
            exec {command} > {log} 2>&1
        """
        log.touch()
        self._started.append(self._popen(["unshare", "--mount", "bash", "-c", script], settings))
        return log

    def run(self, command: Sequence[str], **settings: object) -> str:
        """Runs a command, and returns what it prints."""
        output, _ = self._popen(command, settings).communicate(timeout=60)
        return output

    @property
    def _home(self) -> Path:
        return self.folder / f"{self.name}-home"

    def _popen(
        self, command: Sequence[str], settings: Mapping[str, object]
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *command],
            env=environment(**settings) | {"HOME": str(self._home)},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def kill(self) -> None:
        """Ends all of its processes, as if it lost its power."""
        for pid in _ip(f"netns pids {self.name}").split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        for process in self._started:
            process.communicate()


@contextmanager
def two_hosts(folder: Path) -> Iterator[tuple[Host, Host]]:
    """Creates two hosts that are connected by a cable, and nothing else."""
    prefix = f"h{os.getpid()}"
    hosts = (
        Host(f"{prefix}a", "10.213.0.1", folder),
        Host(f"{prefix}b", "10.213.0.2", folder),
    )
    try:
        for host in hosts:
            _ip(f"netns add {host.name}")
        first, second = hosts
        _ip(f"link add eth0 netns {first.name} type veth peer name eth0 netns {second.name}")
        for host, other in (hosts, hosts[::-1]):
            _ip(f"-n {host.name} addr add {host.address}/24 dev eth0")
            for device in ("lo", "eth0"):
                _ip(f"-n {host.name} link set {device} up")
            # Programs find the address of their host by the route to the rest of the world.
            _ip(f"-n {host.name} route add default via {other.address}")
        yield hosts
    finally:
        for host in hosts:
            with suppress(subprocess.CalledProcessError):
                host.kill()
                _ip(f"netns del {host.name}")


def _ip(arguments: str) -> str:
    command = ["ip", *shlex.split(arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
