"""For whoever runs the server: is it alive, and does it take work?"""

import asyncio
import io
import time

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from PIL import Image

from classifier.blocks import Blocks
from classifier.errors import ClassifierError
from classifier.predict import Classifier
from classifier.tickets import Tickets

PROVEN_SECONDS = 30.0  # so long an answer proves that there are answers
CANARY_SECONDS = 10.0
FINE = "ok"


class Health:
    """What is asked of a server before it is sent work."""

    def __init__(self, page: Blocks, tickets: Tickets) -> None:
        self._page = page
        self._tickets = tickets
        self._canary = Canary(tickets.endpoints.classifier)

    async def check(self) -> dict[str, str]:
        """What each part says: "ok", or what is wrong with it."""
        queue, canary, disk = self._queue(), self._canary.check(), self._disk()
        return {"queue": queue, "canary": await canary, "disk": await disk}

    def _queue(self) -> str:
        queue = self._page._queue
        if queue.refusal:
            return str(queue.refusal)
        # Gradio makes room for jobs when its queue starts, and notes when it has stopped.
        return FINE if queue.active_jobs and not queue.stopped else "The queue has stopped."

    async def _disk(self) -> str:
        try:
            await self._tickets.probe()
        except ClassifierError as error:
            return str(error)
        return FINE


class Canary:
    """A small picture that is classified now and then, to see that pictures are."""

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._proven = -PROVEN_SECONDS
        self._asked: asyncio.Task[None] | None = None
        content = io.BytesIO()
        Image.new("RGB", (64, 64), "teal").save(content, "PNG")
        self._picture = content.getvalue()

    async def check(self) -> str:
        """Asks, unless somebody has asked just now."""
        if time.monotonic() - self._proven < PROVEN_SECONDS:
            return FINE
        if self._asked is None or self._asked.done():
            self._asked = asyncio.ensure_future(self._ask())
        try:
            await asyncio.wait_for(asyncio.shield(self._asked), CANARY_SECONDS)
        except TimeoutError:
            return f"No answer within {CANARY_SECONDS:.0f} s."
        except Exception as error:
            return f"A picture could not be classified: {error}"
        return FINE

    async def _ask(self) -> None:
        models = self._classifier.catalog.values()
        ready = [model for model in models if self._classifier.engine.is_ready(model)]
        if ready:  # else all have to be fetched first, for which nobody has asked
            answer = self._classifier.submit(self._picture, "canary", ready[0])
            await asyncio.wrap_future(answer)
        self._proven = time.monotonic()


def router(page: Blocks, tickets: Tickets) -> APIRouter:
    """GET /health and GET /ready."""
    routes = APIRouter(include_in_schema=False)
    health = Health(page, tickets)

    @routes.get("/health")
    async def alive() -> JSONResponse:
        return JSONResponse({"status": "alive"})

    @routes.get("/ready")
    async def ready() -> JSONResponse:
        parts = await health.check()
        fine = all(part == FINE for part in parts.values())
        return JSONResponse({"ready": fine, **parts}, 200 if fine else 503)

    return routes
