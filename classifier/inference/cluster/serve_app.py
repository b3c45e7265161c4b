"""The application on Ray Serve: connects to a cluster, and deploys the replicas."""

import hashlib
import logging
import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import ray
from ray import serve
from ray.serve import Application
from ray.serve.schema import LoggingConfig

import classifier
from classifier.errors import ClassifierError
from classifier.inference.cluster.dispatcher import CALLS
from classifier.inference.cluster.messages import Picture, Request, Start
from classifier.inference.cluster.replica import Replica
from classifier.inference.prediction import Prediction
from classifier.machine import processors
from classifier.models import catalogue
from classifier.settings import Settings

log = logging.getLogger(__name__)

LOCAL = "local"
APPLICATION = "image-classifier"
DEPLOYMENT = "Replica"
MAX_REPLICAS = 1000  # Ray starts as many as its machines have room for
MAX_CALLS = 2 * CALLS  # to a replica at the same time, with downloads and explanations
AUTOSCALING = {
    "min_replicas": 1,
    "max_replicas": MAX_REPLICAS,
    # Replicas that always have a call to run, and one on its way, get help.
    "target_ongoing_requests": 1.0,
    "upscale_delay_s": 2.0,
    "downscale_delay_s": 120.0,
    "metrics_interval_s": 1.0,
    "look_back_period_s": 3.0,
}
DEPLOYING_SECONDS = 120.0  # for another server, or for Ray with a config file
DEPLOYING_POLL_SECONDS = 0.5
WAITING_SECONDS = 5.0
# Every log line of Ray that is not a problem would appear among those of the server.
QUIET = LoggingConfig(log_level="WARNING", enable_access_log=False)


def connect(address: str) -> None:
    """Connects this process to a cluster, or starts one on this machine.

    Raises ConnectionError and the errors of Ray if that fails.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    is_local = address == LOCAL
    package = str(Path(classifier.__file__).parent)
    ray.init(
        address=address,
        namespace=APPLICATION,
        num_cpus=processors() if is_local else None,
        include_dashboard=False if is_local else None,
        # Other machines need only Ray and torch: they get this package from here.
        runtime_env=None if is_local else {"py_modules": [package]},
        configure_logging=False,
        log_to_driver=False,
    )


def deploy(start: Start) -> "ServeReplicas":
    """Deploys the replicas and returns when they are ready.

    Replicas that run already, or are just being deployed, stay as they are if their code and
    settings are the same. Others are replaced one after the other. Raises RuntimeError if the
    replicas cannot start.
    """
    if not start.settings.deploy:
        return _deployed(_version(start.settings))
    serve.start(proxy_location="Disabled", logging_config=QUIET)
    if handle := _running(_version(start.settings)):
        return ServeReplicas(handle)
    handle = serve.run(
        _application(start), name=APPLICATION, route_prefix=None, logging_config=QUIET
    )
    return ServeReplicas(handle)


def _deployed(version: str) -> "ServeReplicas":
    """Waits until somebody has deployed the replicas with a Serve config file."""
    while not (handle := _running(version)):
        log.warning("waiting for an application %s of version %s", APPLICATION, version)
        time.sleep(WAITING_SECONDS)
    return ServeReplicas(handle)


def application(arguments: dict[str, str]) -> Application:
    """Returns the application for a Serve config file, which names this function.

    `arguments` are settings like those in the environment, and go before them. Servers use the
    application if their CLASSIFIER_DEVICE and CLASSIFIER_LOG are the same. Raises SettingError
    if a setting has a value that cannot be used.
    """
    settings = Settings.from_environment({**os.environ, **arguments})
    return _application(Start.of(settings, catalogue.load(settings.models)))


def _application(start: Start) -> Application:
    device = start.settings.device
    # With cuda, machines with GPUs may join only because replicas ask for them.
    has_gpu = device == "cuda" or (device != "cpu" and bool(ray.cluster_resources().get("GPU")))
    deployment = serve.deployment(
        Replica,
        name=DEPLOYMENT,
        max_ongoing_requests=MAX_CALLS,
        ray_actor_options={"num_cpus": 1, "num_gpus": int(has_gpu)},
        autoscaling_config=AUTOSCALING,
        health_check_period_s=5.0,
        health_check_timeout_s=30.0,
        logging_config=QUIET,
    )
    return deployment.bind(start.settings, start.model_megabytes, _version(start.settings))


def _running(version: str) -> Any:
    """Returns a handle for the replicas if some of this version are running, or else None."""
    end = time.monotonic() + DEPLOYING_SECONDS
    while (status := _status()) == "DEPLOYING" and time.monotonic() < end:
        time.sleep(DEPLOYING_POLL_SECONDS)
    if status != "RUNNING":
        return None
    handle = serve.get_app_handle(APPLICATION)
    return handle if handle.version.remote().result() == version else None


def _status() -> str:
    application = serve.status().applications.get(APPLICATION)
    return application.status if application else "NOT_STARTED"


class ServeReplicas:
    """The replicas, called through a handle of Ray Serve."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    async def classify(
        self, model: str, pictures: Sequence[Picture]
    ) -> list[Prediction | ClassifierError]:
        """See `Replica.classify`."""
        handle = self._handle.options(multiplexed_model_id=model)
        found: list[Prediction | ClassifierError] = await handle.classify.remote(model, pictures)
        return found

    async def follow(self, request: Request) -> AsyncIterator[Any]:
        """See `Replica.download` and `Replica.explain`."""
        handle = self._handle.options(multiplexed_model_id=request.model, stream=True)
        if request.work == "download":
            answer = handle.download.remote(request.model)
        else:
            answer = handle.explain.remote(request.model, request.picture, request.label)
        async for value in answer:
            yield value

    async def preload(self, model: str) -> None:
        """See `Replica.preload`."""
        await self._handle.options(multiplexed_model_id=model).preload.remote(model)

    async def downloaded(self, models: Sequence[str]) -> list[str]:
        """See `Replica.downloaded`."""
        found: list[str] = await self._handle.downloaded.remote(models)
        return found


def running_replicas() -> int:
    """Returns how many replicas accept calls. Raises the errors of Ray if nobody knows."""
    application = serve.status().applications.get(APPLICATION)
    if application is None:
        return 0
    return sum(
        deployment.replica_states.get("RUNNING", 0)
        for deployment in application.deployments.values()
    )


def _version(settings: Settings) -> str:
    """Returns a name for the code of this package and the settings that replicas use."""
    digest = hashlib.sha256(f"{settings.device} {settings.log}".encode())
    for file in sorted(Path(classifier.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
