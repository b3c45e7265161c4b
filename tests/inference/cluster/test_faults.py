"""Machines of a cluster die while the server is working. No job may be lost."""

import io
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest
from PIL import Image

from classifier.inference.cluster.backend import AWAY
from tests.support.browsing import PICTURES
from tests.support.ray_cluster import RayCluster, ray_cluster
from tests.support.server import Server, serve, wait_for

# The cluster starts several processes, which takes long on a busy machine.
pytestmark = pytest.mark.timeout(600)

CLIENTS = 6
RECOVERY_SECONDS = 150.0  # a busy machine is slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """A head with one replica, and later other nodes."""
    with ray_cluster() as started:
        yield started


@pytest.fixture(scope="module")
def server(cluster: RayCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(
        tmp_path_factory.mktemp("server"),
        CLASSIFIER_CLUSTER=cluster.address,
        CLASSIFIER_QUEUE_SIZE=10 * CLIENTS,
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=cluster.token,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def labels(server: Server) -> dict[bytes, str]:
    """A few pictures that take a replica a while, with their labels."""
    pictures = [enlarged(server.images / name) for name in PICTURES[:4]]
    return {picture: label(server, submit(server, picture)) for picture in pictures}


def enlarged(file: Path) -> bytes:
    content = io.BytesIO()
    with Image.open(file) as picture:
        large = picture.convert("RGB").resize((4000, 3000), Image.Resampling.NEAREST)
        large.save(content, "PNG")
    return content.getvalue()


def submit(server: Server, picture: bytes) -> str:
    answer = server.http.post(
        "/classifications", data={"model_id": "tiny"}, files={"image": ("a.png", picture)}
    )
    assert answer.status_code == 202, answer.text
    job: str = answer.json()["job_id"]
    return job


def label(server: Server, job: str) -> str:
    """Waits for a job, which must not fail, and returns its likeliest label."""
    end = time.monotonic() + RECOVERY_SECONDS
    while not (state := server.state(job, 10))["finished"]:
        assert time.monotonic() < end, f"the job has not ended: {state}"
    assert state["task_status"] == "finished", state
    likeliest: str = state["data"][0][0]
    return likeliest


@contextmanager
def load(server: Server, labels: dict[bytes, str]) -> Iterator[list[str]]:
    """Submits jobs all the time, and checks each of them; yields the list of those that ended."""
    ended: list[str] = []
    stop = threading.Event()

    def client(pictures: Iterator[bytes]) -> None:
        while not stop.is_set():
            picture = next(pictures)
            job = submit(server, picture)
            assert label(server, job) == labels[picture]
            ended.append(job)

    with ThreadPoolExecutor(CLIENTS) as threads:
        clients = [threads.submit(client, cycle(labels)) for _ in range(CLIENTS)]
        try:
            yield ended
        finally:
            stop.set()
        for each in clients:
            each.result()


def wait_for_jobs(ended: list[str]) -> None:
    """Waits until more jobs have ended."""
    before = len(ended)
    wait_for(lambda: len(ended) > before + 2 * CLIENTS, RECOVERY_SECONDS)


def canary(server: Server) -> tuple[int, str]:
    answer = server.http.get("/ready")
    return answer.status_code, answer.json()["canary"]


def test_no_job_is_lost_with_a_replica(
    server: Server, cluster: RayCluster, labels: dict[bytes, str]
) -> None:
    with load(server, labels) as ended:
        wait_for_jobs(ended)
        # The queue starts as many jobs as the replica can take, and not one after the other.
        wait_for(lambda: "classifier_running 6.0" in server.http.get("/metrics").text)
        (replica,) = cluster.head.replicas()
        os.kill(replica, signal.SIGKILL)
        wait_for_jobs(ended)


def test_no_job_is_lost_with_a_machine(
    server: Server, cluster: RayCluster, labels: dict[bytes, str]
) -> None:
    with load(server, labels) as ended:
        node = cluster.add_node()
        wait_for(lambda: bool(node.replicas()), RECOVERY_SECONDS)  # the load makes Ray start one
        wait_for_jobs(ended)
        node.kill()
        wait_for_jobs(ended)


def test_jobs_wait_for_a_cluster_that_is_gone(
    server: Server, cluster: RayCluster, labels: dict[bytes, str]
) -> None:
    with load(server, labels) as ended:
        wait_for_jobs(ended)
        cluster.head.kill()
        wait_for(lambda: canary(server) == (503, AWAY), RECOVERY_SECONDS)
        cluster.start_head()
        wait_for_jobs(ended)
    wait_for(lambda: server.http.get("/ready").status_code == 200)
