"""The two commands of docs/deployment.md, on two hosts that only a network connects."""

import json
import re
from pathlib import Path

import pytest

from tests.support.hosts import needs_hosts, two_hosts
from tests.support.ray_cluster import RAY
from tests.support.server import wait_for

# The cluster starts several processes, which takes long on a busy machine.
pytestmark = pytest.mark.timeout(600)

START_SECONDS = 120.0
READY = ["curl", "--silent", "--max-time", "10", "http://127.0.0.1:7860/ready"]


@needs_hosts
def test_a_second_machine_helps_with_the_command_that_the_first_one_prints(tmp_path: Path) -> None:
    with two_hosts(tmp_path) as (first, second):
        log = first.start("make cluster", GRADIO_SERVER_PORT=7860, CLASSIFIER_MODELS="tiny")
        printed = re.compile(r"^RAY_AUTH_TOKEN=(\w{32,}) make helper HEAD=(\S+)$", re.MULTILINE)
        wait_for(lambda: printed.search(log.read_text()) is not None, START_SECONDS)
        command = printed.search(log.read_text())
        assert command
        token, head = command.groups()
        assert head == first.address

        helper = second.start(f"env {command.group()}")

        def nodes() -> list[str]:
            status = first.run(
                [str(RAY), "status", f"--address={head}:6379"],
                RAY_AUTH_MODE="token",
                RAY_AUTH_TOKEN=token,
            )
            active, _, _ = status.partition("Pending:")
            return re.findall(r"\bnode_\w+", active)

        def is_ready() -> bool:
            answer = first.run(READY)
            return bool(answer) and bool(json.loads(answer)["ready"])

        wait_for(lambda: "Ray runtime started" in helper.read_text(), START_SECONDS)
        wait_for(lambda: len(nodes()) == 2, START_SECONDS)
        wait_for(is_ready, START_SECONDS)
