"""How the page is served: queue, limits, and the routes beside it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache
from pathlib import Path

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from gradio.route_utils import FnIndexInferError
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from classifier import cancellation, closed, docs, health, images, interface, rest, stopping, tools
from classifier.blocks import Blocks
from classifier.endpoints import Endpoints
from classifier.errors import InputError, UnknownNameError
from classifier.images import Gallery
from classifier.limits import BodyLimit, mend_uploads
from classifier.predict import Classifier
from classifier.settings import Settings
from classifier.tickets import Tickets
from classifier.uploads import Uploads

THUMBNAIL_PIXELS = 112
# All events together that run no model, most of which wait for something. Any number but
# Gradio's default of 40 also keeps busy handlers out of the threads that serve files.
JOBS_AT_ONCE = 600
# How often those who wait hear of their place. Gradio's default tells all of them whenever
# a job ends, at a cost that grows with the square of their number.
STATUS_SECONDS = 1.0
# For so long a thread may keep the interpreter from the others; Python's own 0.005 is long
# for a server whose other threads compute.
SWITCH_SECONDS = 0.0005
# What Gradio looks up without a word where there is nothing of that name or number.
NAMING = frozenset({"/", "/gradio_api/queue/join"})

Lifespan = Callable[[object], AbstractAsyncContextManager[None]]
Handler = Callable[[Request, Exception], Awaitable[Response]]


def create(settings: Settings) -> Blocks:
    """The page of a classifier. Raises SettingError if it cannot be made so."""
    uploads = _uploads(settings)
    uploads.open()
    # What Gradio itself writes goes there too.
    os.environ["GRADIO_TEMP_DIR"] = str(uploads.folder)
    classifier = Classifier.from_settings(settings)
    endpoints = Endpoints(classifier, uploads, settings.delay_seconds)
    tickets = Tickets(endpoints, settings.cache / "tickets", settings.result_hours)
    page = interface.build(endpoints, settings.concurrency, tickets)
    page.tickets = tickets
    # Gradio forgets with these what it wrote itself; the rest is swept.
    page.delete_cache = (uploads.every, uploads.oldest)
    return page


def launch(page: Blocks, settings: Settings, *, wait: bool = True) -> str:
    """Serves the page until stopped, or returns its address at once if not to `wait`.

    Gradio's own settings (GRADIO_SERVER_NAME, GRADIO_SERVER_PORT, …) keep working.
    """
    # Of the last events Gradio keeps notes, for a page that is not served here.
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "200")
    sys.setswitchinterval(SWITCH_SECONDS)
    uploads = _uploads(settings)
    if settings.mcp:
        tools.offer(uploads.folder)
    page.queue(STATUS_SECONDS, api_open=False, max_size=settings.queue_size)
    page.tickets.join(page)
    address: str
    _, address, _ = page.launch(
        theme=interface.THEME,
        css_paths=interface.CSS,
        max_threads=JOBS_AT_ONCE + settings.concurrency,
        footer_links=["api", "settings"],
        prevent_thread_lock=True,
        app_kwargs={
            "routes": [
                thumbnails(Gallery(settings.images)),
                cancellation.route(page),
                *beside(page),
            ],
            "exception_handlers": refusals(page),
            "lifespan": lifespan(page, uploads),
            "middleware": [Middleware(BodyLimit, settings.upload_mb, uploads.has_room)],
            "openapi_url": None,
        },
        mcp_server=settings.mcp,
        max_file_size=settings.upload_mb << 20,
        allowed_paths=[],
        enable_monitoring=False,
        run_history=False,
        ssr_mode=False,
    )
    if wait:
        stopping.wait(page)
    return address


def beside(page: Blocks) -> list[BaseRoute]:
    """The routes beside the page that are not Gradio's."""
    service = rest.router(page.tickets)
    return [
        *closed.routes(),
        *service.routes,
        *docs.router(service, page.tickets).routes,
        *health.router(page, page.tickets).routes,
    ]


def lifespan(page: Blocks, uploads: Uploads) -> Lifespan:
    """For as long as the page is served, tickets are taken and old uploads removed.

    Gradio removes the files that it knows of, but not what an upload that broke off leaves.
    """

    async def sweep() -> None:
        while True:
            # What the page itself shows first is kept.
            kept = {file for block in page.blocks.values() for file in block.keep_in_cache}
            await asyncio.to_thread(uploads.sweep, kept)
            mend_uploads()
            await asyncio.sleep(uploads.every)

    @asynccontextmanager
    async def served(app: object) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(sweep())
        async with page.tickets.lifespan(app):
            yield
        sweeper.cancel()

    return served


def thumbnails(gallery: Gallery) -> APIRoute:
    """GET /thumbnails/NAME: a picture of the gallery, small and square."""

    def thumbnail(name: str) -> Response:
        try:
            path = gallery.path(name)
            content = _thumbnail(path, path.stat().st_mtime_ns)
        except (InputError, OSError) as error:
            raise HTTPException(404, str(error)) from error
        return Response(content, media_type="image/webp", headers={"Cache-Control": "max-age=300"})

    return APIRoute("/thumbnails/{name}", thumbnail, include_in_schema=False)


def refusals(page: Blocks) -> dict[int | type[Exception], Handler]:
    """What a program is told whose call does not reach an endpoint.

    Gradio would answer 500 without a word, or that the queue is full and nothing more.
    """

    async def wrong_name(request: Request, error: Exception) -> Response:
        if request.url.path in NAMING:
            return JSONResponse({"detail": "There is no such thing here."}, 404)
        if "api_name" not in request.path_params:
            raise error
        names = [f"/{fn.api_name}" for fn in page.fns.values() if fn.api_visibility == "public"]
        unknown = UnknownNameError("endpoint", f"/{request.path_params['api_name']}", names)
        return JSONResponse({"detail": str(unknown)}, 404)

    async def wrong_parameters(request: Request, error: Exception) -> Response:
        if "api_name" not in request.path_params:
            raise error
        return JSONResponse({"detail": str(error)}, 422)

    async def busy(request: Request, error: Exception) -> Response:
        detail = getattr(error, "detail", "")
        return JSONResponse(
            {"detail": f"{detail} Try again in a moment."},
            503,
            {"Retry-After": str(page._queue.seconds_to_wait())},
        )

    return {
        FnIndexInferError: wrong_name,
        KeyError: wrong_name,
        TypeError: wrong_parameters,
        503: busy,
    }


def _uploads(settings: Settings) -> Uploads:
    return Uploads(settings.cache / "uploads", settings.upload_seconds)


@lru_cache(maxsize=2000)
def _thumbnail(path: Path, changed: int) -> bytes:
    return images.thumbnail(path, path.name, THUMBNAIL_PIXELS)
