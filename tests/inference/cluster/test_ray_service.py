"""Servers with the replicas of deploy/ray-service.yaml, started as KubeRay starts them."""

import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import timm
from safetensors.torch import save

from tests.support.hub_server import HubServer, serving
from tests.support.postgres import Postgres
from tests.support.ray_cluster import RayCluster, ray_cluster
from tests.support.server import PROJECT, Server, free_port, serve
from tests.test_deploy_files import serve_config

# The cluster starts several processes, which takes long on a busy machine.
pytestmark = pytest.mark.timeout(600)

HUB_MODEL = "timm/test_resnet.r160_in1k"
DEPLOY_SECONDS = 120.0


@pytest.fixture(scope="module")
def hub_server() -> Iterator[HubServer]:
    """A server with the weights of HUB_MODEL."""
    network = timm.create_model(HUB_MODEL.removeprefix("timm/"), pretrained=False)
    with serving() as server:
        server.files[f"{HUB_MODEL}/model.safetensors"] = save(network.state_dict())
        yield server


@pytest.fixture(scope="module")
def settings(hub_server: HubServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The environment of all pods."""
    return {
        "CLASSIFIER_MODELS": f"tiny,{HUB_MODEL}",
        "CLASSIFIER_DEVICE": "cpu",
        "HF_ENDPOINT": hub_server.address,
        "HF_HOME": tmp_path_factory.mktemp("hub"),
        "PYTHONPATH": PROJECT,
    }


@pytest.fixture(scope="module")
def cluster(
    settings: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RayCluster]:
    port = free_port()
    cache = tmp_path_factory.mktemp("node")
    with ray_cluster(port, CLASSIFIER_CACHE=cache, **settings) as started:
        headers = {"Authorization": f"Bearer {started.token}"}
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, headers=headers, timeout=60) as api:
            deploy(api, serve_config())
        yield started


def deploy(api: httpx.Client, config: dict[str, Any]) -> None:
    """Deploys a config file over the REST API of Ray, as the operator does."""
    config = config | {"http_options": {"port": free_port()}}
    api.put("/api/serve/applications/", json=config).raise_for_status()
    end = time.monotonic() + DEPLOY_SECONDS
    while True:
        applications = api.get("/api/serve/applications/").json()["applications"]
        (application,) = applications.values()
        if application["status"] == "RUNNING":
            return
        assert application["status"] == "DEPLOYING", application["message"]
        assert time.monotonic() < end, application
        time.sleep(0.5)


def serving_pages(
    folder: Path, cluster: RayCluster, **settings: Any
) -> AbstractContextManager[Server]:
    """Starts a server as in a pod of the group `pages`."""
    return serve(
        folder,
        CLASSIFIER_CLUSTER=cluster.address,
        CLASSIFIER_DEPLOY=0,
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=cluster.token,
        **settings,
    )


@pytest.fixture(scope="module")
def server(
    cluster: RayCluster, settings: dict[str, object], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    replicas = cluster.head.replicas()
    with serving_pages(tmp_path_factory.mktemp("server"), cluster, **settings) as running:
        # The server is content with the replicas that the config file has started.
        assert replicas
        assert cluster.head.replicas() == replicas
        yield running


def test_a_server_uses_the_replicas_of_the_config_file(server: Server) -> None:
    picture = sorted(server.images.glob("*.jpg"))[0]

    state = server.ended(server.submit(picture.name, "tiny").json()["job_id"])

    assert state["task_status"] == "finished", state
    assert len(state["data"]) == 5


def test_weights_are_downloaded_to_the_machine_of_the_replicas(
    server: Server, hub_server: HubServer
) -> None:
    picture = sorted(server.images.glob("*.jpg"))[0]
    jobs = [server.submit(picture.name, HUB_MODEL).json()["job_id"] for _ in range(3)]

    states = [server.ended(job) for job in jobs]

    assert {state["task_status"] for state in states} == {"finished"}, states
    assert hub_server.requests["GET", "model.safetensors"] == 1


def test_jobs_of_a_killed_server_end_on_another_one_with_the_same_cluster(
    cluster: RayCluster, settings: dict[str, object], postgres: Postgres, tmp_path: Path
) -> None:
    shared = settings | {"CLASSIFIER_JOBS_URL": postgres.new_database()}
    with ExitStack() as stack:
        killed, other = (
            stack.enter_context(serving_pages(tmp_path / name, cluster, **shared, **more))
            for name, more in (
                ("killed", {"CLASSIFIER_CONCURRENCY": 1, "CLASSIFIER_DELAY_SECONDS": 1}),
                ("other", {}),
            )
        )
        pictures = sorted(killed.images.glob("*.jpg"))
        jobs = [
            killed.submit(pictures[number % len(pictures)].name, "tiny").json()["job_id"]
            for number in range(20)
        ]
        killed.ended(jobs[0])
        killed.process.send_signal(signal.SIGKILL)

        states = [other.ended(job) for job in jobs]

        assert {state["task_status"] for state in states} == {"finished"}
