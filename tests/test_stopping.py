"""Servers that are stopped, killed, crowded out or short of disk: no job is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.serving import PROJECT, Server, serve, wait_for

resource = pytest.importorskip("resource", reason="limits on files are Unix")

PICTURES = sorted(path.name for path in (PROJECT / "images").glob("*.jpg"))
KILLED = -signal.SIGKILL
# Each test starts several servers, and a busy machine takes its time.
pytestmark = pytest.mark.timeout(600)


def tickets(server: Server, count: int) -> list[str]:
    answers = [server.put(PICTURES[number % len(PICTURES)]) for number in range(count)]
    return [str(answer.raise_for_status().json()["job_id"]) for answer in answers]


def test_a_server_that_stops_ends_what_runs_and_leaves_the_rest_to_the_next(
    tmp_path: Path,
) -> None:
    held: dict[str, Any] = {"CLASSIFIER_CONCURRENCY": 1, "CLASSIFIER_DELAY_SECONDS": 4}
    quick: dict[str, Any] = {"CLASSIFIER_CONCURRENCY": 1, "CLASSIFIER_DELAY_SECONDS": 0.1}
    with serve(tmp_path, **held) as first, serve(tmp_path, **quick) as second:
        # Two on one record: the second has no tickets until the first ends.
        refused = second.put(PICTURES[0])
        assert refused.status_code == 503
        assert refused.json()["detail"].startswith("Another server keeps the record of jobs")
        assert second.http.get("/ready", timeout=30).status_code == 503
        answer = second.client().predict(PICTURES[0], "tiny", api_name="/classify")
        assert answer["image"] == PICTURES[0]

        jobs = tickets(first, 4)
        wait_for(lambda: first.state(jobs[0])["task_status"] == "started")
        first.process.send_signal(signal.SIGTERM)
        wait_for(lambda: first.put(PICTURES[0]).status_code == 503)
        answer = first.put(PICTURES[0])
        assert answer.json()["detail"].startswith("The server is stopping")
        assert int(answer.headers["Retry-After"]) > 0
        called = first.call("classify", [PICTURES[0], "tiny"])
        assert called.status_code == 503
        assert called.json()["detail"].startswith("The server is stopping")
        assert first.http.get("/health").status_code == 200
        assert first.http.get("/ready").json()["queue"].startswith("The server is stop")
        assert first.process.wait(60) == 0

        wait_for(lambda: second.http.get("/ready", timeout=30).status_code == 200)
        ends = [second.ended(job) for job in jobs]
        assert [state["task_status"] for state in ends] == ["finished"] * 4
        assert [state["finished"] for state in ends] == sorted(state["finished"] for state in ends)
        assert [state["image_id"] for state in ends] == PICTURES[:4]
        assert "Traceback" not in first.log.read_text() + second.log.read_text()


def test_no_job_of_two_hundred_is_lost_by_a_server_that_is_killed(tmp_path: Path) -> None:
    moments = random.Random(os.environ.get("SEED", "kill"))
    settings: dict[str, Any] = {"CLASSIFIER_CONCURRENCY": 2, "CLASSIFIER_DELAY_SECONDS": 0.02}
    seen: dict[str, str] = {}  # what readers were told
    jobs: list[str] = []
    for share in (70, 70, 60):
        with serve(tmp_path, CLASSIFIER_QUEUE_SIZE=300, **settings) as server:
            jobs += tickets(server, share)
            time.sleep(moments.uniform(0, 0.7))
            seen |= ended(server, moments.sample(jobs, 20))
            server.process.kill()
            assert server.process.wait() == KILLED
    # With less room than there are jobs, they still come in one after the other.
    with serve(tmp_path, CLASSIFIER_QUEUE_SIZE=20, **settings) as server:
        states = {job: server.ended(job) for job in jobs}
        wait_for(lambda: server.put(PICTURES[0]).status_code == 202)

    assert len(states) == len(set(jobs)) == 200
    assert {state["task_status"] for state in states.values()} == {"finished"}
    assert all(len(state["data"]) == 5 for state in states.values())
    # What had ended stayed as it was.
    assert seen
    assert {job: states[job]["finished"] for job in seen} == seen


def ended(server: Server, jobs: list[str]) -> dict[str, str]:
    states = {job: server.state(job) for job in jobs}
    return {job: state["finished"] for job, state in states.items() if state["finished"]}


def test_what_ends_the_server_again_and_again_is_given_up(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from typing import Any
from classifier.record import Job, Record
record = Record(Path({str(tmp_path / "cache" / "tickets")!r}))
for name in ("bad", "good"):
    record.add(Job(name, "tiny/a", "tiny", {PICTURES[0]!r}, 0, 1000.0))
for _ in range(5):
    record.start("bad")
record.close()
"""
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
    with serve(tmp_path) as server:
        bad = server.ended("bad")
        assert bad["task_status"] == "failed"
        assert bad["error"] == "The server ended 5 times while it worked on this."
        assert server.ended("good")["task_status"] == "finished"

        # A second signal does not wait for what the first waits for.
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "Stopping" in server.log.read_text() or server.process.poll() is not None)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) in {0, 128 + signal.SIGTERM}


def test_on_a_full_disk_nothing_is_accepted_and_nothing_is_lost(tmp_path: Path) -> None:
    with serve(tmp_path, CLASSIFIER_CONCURRENCY=1, CLASSIFIER_DELAY_SECONDS=0.2) as server:
        folder = server.cache / "tickets"
        jobs = tickets(server, 5)
        # From here on no file of this server grows; the journal is the first that has to.
        size = max(file.stat().st_size for file in folder.iterdir() if file.is_file())
        limit(server, size)
        refused = None
        for _ in range(100):
            answer = server.put(PICTURES[0])
            if answer.status_code != 202:
                refused = answer
                break
            jobs.append(answer.json()["job_id"])
        assert refused is not None
        assert refused.status_code == 507
        assert refused.json()["detail"].startswith("The job cannot be written down")
        ready = server.http.get("/ready", timeout=30)
        assert ready.status_code == 503
        assert ready.json()["disk"] != "ok"

        limit(server, resource.RLIM_INFINITY)
        for job in jobs:
            assert server.ended(job)["task_status"] == "finished"
        assert server.put(PICTURES[0]).status_code == 202


def limit(server: Server, size: int) -> None:
    """No file of the server may grow beyond so many bytes."""
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
