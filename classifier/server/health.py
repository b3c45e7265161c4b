"""Health checks: GET /health and GET /ready."""

import asyncio
import io
import time

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from PIL import Image

from classifier.errors import ClassifierError
from classifier.gradio_internals.queue import Queue
from classifier.inference.async_classifier import AsyncClassifier
from classifier.jobs.service import JobService
from classifier.pictures.source import PictureSource

VALID_SECONDS = 30.0  # how long a successful test classification counts
TIMEOUT_SECONDS = 10.0
OK = "ok"


def router(queue: Queue, jobs: JobService) -> APIRouter:
    """Returns the routes GET /health (is it alive?) and GET /ready (does it accept work?)."""
    routes = APIRouter(include_in_schema=False)
    readiness = Readiness(queue, jobs)

    @routes.get("/health")
    async def health() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    @routes.get("/ready")
    async def ready() -> JSONResponse:
        parts = await readiness.check()
        is_ready = all(part == OK for part in parts.values())
        return JSONResponse({"ready": is_ready, **parts}, 200 if is_ready else 503)

    return routes


class Readiness:
    """Checks the parts of a server that can stop working while the process is alive."""

    def __init__(self, queue: Queue, jobs: JobService) -> None:
        self._queue = queue
        self._jobs = jobs
        self._canary = Canary(jobs.classifier)

    async def check(self) -> dict[str, str]:
        """Returns the state of each part: "ok", or what is wrong."""
        queue = self._queue.problem() or OK
        canary, disk = self._canary.check(), self._check_disk()
        return {"queue": queue, "canary": await canary, "disk": await disk}

    async def _check_disk(self) -> str:
        try:
            await self._jobs.probe()
        except ClassifierError as error:
            return str(error)
        return OK


class Canary:
    """Classifies a small test picture from time to time."""

    def __init__(self, classifier: AsyncClassifier) -> None:
        self._classifier = classifier
        self._last_success = -VALID_SECONDS
        self._task: asyncio.Task[None] | None = None
        content = io.BytesIO()
        Image.new("RGB", (64, 64), "teal").save(content, "PNG")
        self._picture = content.getvalue()

    async def check(self) -> str:
        """Classifies the picture, unless that succeeded recently."""
        if problem := self._classifier.backend.problem():
            return problem
        if time.monotonic() - self._last_success < VALID_SECONDS:
            return OK
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._classify())
        try:
            await asyncio.wait_for(asyncio.shield(self._task), TIMEOUT_SECONDS)
        except TimeoutError:
            return f"A picture was not classified within {TIMEOUT_SECONDS:.0f} s."
        except Exception as error:
            return f"A picture could not be classified: {error}"
        return OK

    async def _classify(self) -> None:
        models = self._classifier.catalogue.values()
        downloaded = [model for model in models if self._classifier.is_downloaded(model)]
        if downloaded:  # a health check must not start a download
            await self._classifier.classify(PictureSource(self._picture, "canary"), downloaded[0])
        self._last_success = time.monotonic()
