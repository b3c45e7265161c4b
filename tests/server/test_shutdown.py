"""Servers that are stopped, killed or short of disk space: no job is lost."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from classifier.jobs.job import Job
from classifier.jobs.service import MAX_STARTS
from classifier.jobs.sqlite_store import SqliteJobStore
from tests.support.server import PROJECT, Server, serve, wait_for

resource = pytest.importorskip("resource", reason="limits on files are Unix")

PICTURES = sorted(path.name for path in (PROJECT / "images").glob("*.jpg"))
KILLED = -signal.SIGKILL
# Each test starts several servers, which takes long on a busy machine.
pytestmark = pytest.mark.timeout(600)


def submit_jobs(server: Server, count: int) -> list[str]:
    """Submits jobs and returns their IDs."""
    responses = [server.submit(PICTURES[number % len(PICTURES)]) for number in range(count)]
    return [str(response.raise_for_status().json()["job_id"]) for response in responses]


def test_a_server_that_stops_finishes_running_jobs_and_leaves_the_others_to_the_next(
    tmp_path: Path,
) -> None:
    slow: dict[str, Any] = {"CLASSIFIER_CONCURRENCY": 1, "CLASSIFIER_DELAY_SECONDS": 4}
    quick: dict[str, Any] = {"CLASSIFIER_CONCURRENCY": 1, "CLASSIFIER_DELAY_SECONDS": 0.1}
    with serve(tmp_path, **slow) as first, serve(tmp_path, **quick) as second:
        # Both have the same job store, so the second accepts no jobs until the first has ended.
        rejected = second.submit(PICTURES[0])
        assert rejected.status_code == 503
        assert rejected.json()["detail"].startswith("Another server uses the job store")
        assert second.http.get("/ready").status_code == 503
        record = second.client().predict(PICTURES[0], "tiny", api_name="/classify")
        assert record["image"] == PICTURES[0]

        # A check of the first server does not have to classify a picture while it stops.
        wait_for(lambda: first.http.get("/ready").is_success, 60)
        jobs = submit_jobs(first, 4)
        wait_for(lambda: first.state(jobs[0])["task_status"] == "started")
        first.process.send_signal(signal.SIGTERM)
        wait_for(lambda: first.submit(PICTURES[0]).status_code == 503)
        rejected = first.submit(PICTURES[0])
        assert rejected.json()["detail"].startswith("The server is stopping")
        assert int(rejected.headers["Retry-After"]) > 0
        call = first.call("classify", [PICTURES[0], "tiny"])
        assert call.status_code == 503
        assert call.json()["detail"].startswith("The server is stopping")
        assert first.http.get("/health").status_code == 200
        assert first.http.get("/ready").json()["queue"].startswith("The server is stop")
        assert first.process.wait(60) == 0

        wait_for(lambda: second.http.get("/ready").status_code == 200)
        states = [second.ended(job) for job in jobs]
        assert [state["task_status"] for state in states] == ["finished"] * 4
        ends = [state["finished"] for state in states]
        assert ends == sorted(ends)
        assert [state["image_id"] for state in states] == PICTURES[:4]
        assert "Traceback" not in first.log.read_text() + second.log.read_text()


def test_none_of_two_hundred_jobs_is_lost_when_servers_are_killed(tmp_path: Path) -> None:
    moments = random.Random(os.environ.get("SEED", "kill"))
    settings: dict[str, Any] = {"CLASSIFIER_CONCURRENCY": 2, "CLASSIFIER_DELAY_SECONDS": 0.02}
    seen: dict[str, str] = {}  # when jobs ended, as clients saw it
    jobs: list[str] = []
    for count in (70, 70, 60):
        with serve(tmp_path, CLASSIFIER_QUEUE_SIZE=300, **settings) as server:
            jobs += submit_jobs(server, count)
            time.sleep(moments.uniform(0, 0.7))
            seen |= ended(server, moments.sample(jobs, 20))
            server.process.kill()
            assert server.process.wait() == KILLED
    # The queue has room for fewer jobs than there are, so they enter it one after the other.
    with serve(tmp_path, CLASSIFIER_QUEUE_SIZE=20, **settings) as server:
        states = {job: server.ended(job) for job in jobs}
        wait_for(lambda: server.submit(PICTURES[0]).status_code == 202)

    assert len(states) == len(set(jobs)) == 200
    assert {state["task_status"] for state in states.values()} == {"finished"}
    assert all(len(state["data"]) == 5 for state in states.values())
    # Jobs that had ended did not run again.
    assert seen
    assert {job: states[job]["finished"] for job in seen} == seen


def ended(server: Server, jobs: list[str]) -> dict[str, str]:
    """Returns when those of the jobs that have ended did so."""
    states = {job: server.state(job) for job in jobs}
    return {job: state["finished"] for job, state in states.items() if state["finished"]}


def test_a_job_that_crashes_the_server_again_and_again_is_given_up(tmp_path: Path) -> None:
    store = SqliteJobStore(tmp_path / "cache" / "tickets")
    for id in ("bad", "good"):
        store.add(Job(id, "tiny/a", "tiny", PICTURES[0], 0, 1000.0)).result()
    for _ in range(MAX_STARTS):
        store.start("bad").result()
    store.close()
    with serve(tmp_path) as server:
        bad = server.ended("bad")
        assert bad["task_status"] == "failed"
        assert bad["error"] == "The server stopped 5 times during this job."
        assert server.ended("good")["task_status"] == "finished"


def test_a_second_signal_stops_the_server_immediately(tmp_path: Path) -> None:
    with serve(tmp_path, CLASSIFIER_DELAY_SECONDS=60) as server:
        job = submit_jobs(server, 1)[0]
        wait_for(lambda: server.state(job)["task_status"] == "started")
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "Stopping" in server.log.read_text())
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 128 + signal.SIGTERM
        assert time.monotonic() - start < 10  # the first signal alone takes 20 seconds


def test_a_full_disk_rejects_jobs_and_loses_none(tmp_path: Path) -> None:
    with serve(tmp_path, CLASSIFIER_CONCURRENCY=1, CLASSIFIER_DELAY_SECONDS=0.1) as server:
        folder = server.cache / "tickets"
        jobs = submit_jobs(server, 5)
        # From here on, no file of this server can grow, and the journal of the store must.
        size = max(file.stat().st_size for file in folder.iterdir() if file.is_file())
        limit_file_size(server, size)
        rejected = None
        for _ in range(100):
            response = server.submit(PICTURES[0])
            if response.status_code != 202:
                rejected = response
                break
            jobs.append(response.json()["job_id"])
        assert rejected is not None
        assert rejected.status_code == 507
        assert rejected.json()["detail"].startswith(
            "The job was not accepted because it cannot be written to disk"
        )
        ready = server.http.get("/ready")
        assert ready.status_code == 503
        assert ready.json()["disk"] != "ok"

        limit_file_size(server, resource.RLIM_INFINITY)
        for job in jobs:
            assert server.ended(job)["task_status"] == "finished"
        assert server.submit(PICTURES[0]).status_code == 202


def limit_file_size(server: Server, size: int) -> None:
    """Prevents files of the server from growing beyond this many bytes."""
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
