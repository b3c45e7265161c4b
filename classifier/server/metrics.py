"""The metrics of a server: GET /metrics."""

from collections.abc import Callable, Iterable, Mapping

from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from classifier import metrics
from classifier.endpoints.endpoint import INFERENCE
from classifier.gradio_internals.queue import Queue
from classifier.inference.async_classifier import AsyncClassifier
from classifier.jobs.service import JobService

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"


def router(queue: Queue, jobs: JobService) -> APIRouter:
    """Returns the route GET /metrics, for Prometheus."""
    routes = APIRouter(include_in_schema=False)
    gauges = CollectorRegistry()
    gauges.register(Gauges(queue, jobs))

    @routes.get("/metrics")
    async def show() -> Response:
        content = generate_latest(metrics.REGISTRY) + generate_latest(gauges)
        return Response(content, headers={"Content-Type": CONTENT_TYPE_LATEST})

    return routes


class Gauges(Collector):
    """The values that Prometheus asks for, instead of being counted."""

    def __init__(self, queue: Queue, jobs: JobService) -> None:
        self._queue = queue
        self._jobs = jobs
        self._classifier: AsyncClassifier = jobs.classifier

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yields the current values."""
        yield _gauge("waiting", "Requests that wait for a model.", self._jobs.waiting)
        yield _gauge("running", "Requests that run.", lambda: self._queue.count_running(INFERENCE))
        yield _gauge(
            "capacity",
            "Requests that can run at the same time.",
            lambda: self._classifier.backend.capacity,
        )
        yield _gauge(
            "working",
            "1 if models can run, 0 if the cluster is gone.",
            lambda: self._classifier.backend.problem() is None,
        )
        memory = GaugeMetricFamily(
            "classifier_model_memory_bytes",
            "Memory of the models that this process has loaded.",
            labels=["model"],
        )
        loaded: Mapping[str, float] = self._classifier.backend.loaded_megabytes()
        for model, megabytes in loaded.items():
            memory.add_metric([model], megabytes * (1 << 20))
        yield memory


class CountRequests:
    """ASGI middleware that counts requests."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                metrics.REQUESTS.labels(
                    scope["method"] if scope["method"] in METHODS else OTHER,
                    # Never the path itself: clients could make up any number of them.
                    getattr(scope.get("route"), "path", OTHER),
                    message["status"],
                ).inc()
            await send(message)

        await self._app(scope, receive, send_counted)


def _gauge(name: str, text: str, read: Callable[[], float]) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"classifier_{name}", text, value=float(read()))
