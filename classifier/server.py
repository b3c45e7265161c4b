"""How the page is served: queue, limits, and the routes beside it."""

import io
import os
import sys
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path

from fastapi import HTTPException, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from gradio.route_utils import FnIndexInferError
from PIL import ImageOps

from classifier import cancellation, images, interface
from classifier.blocks import Blocks
from classifier.endpoints import Endpoints
from classifier.errors import InputError, UnknownNameError
from classifier.images import Gallery
from classifier.predict import Classifier
from classifier.settings import Settings

THUMBNAIL_PIXELS = 112
# All events together, those that only wait for a download among them. Any number but
# Gradio's default of 40 also keeps busy handlers out of the threads that serve files.
JOBS_AT_ONCE = 200
# How often those who wait hear of their place. Gradio's default tells all of them whenever
# a job ends, at a cost that grows with the square of their number.
STATUS_SECONDS = 1.0
# For so long a thread may keep the interpreter from the others; Python's own 0.005 is long
# for a server whose other threads compute.
SWITCH_SECONDS = 0.0005

Handler = Callable[[Request, Exception], Awaitable[Response]]


def create(settings: Settings) -> Blocks:
    """The page of a classifier. Raises SettingError if it cannot be made so."""
    endpoints = Endpoints(Classifier.from_settings(settings), settings.delay_seconds)
    return interface.build(endpoints, settings.concurrency)


def launch(page: Blocks, settings: Settings, *, wait: bool = True) -> str:
    """Serves the page until stopped, or returns its address at once if not to `wait`.

    Gradio's own settings (GRADIO_SERVER_NAME, GRADIO_SERVER_PORT, …) keep working.
    """
    # Of the last events Gradio keeps notes, for a page that is not served here.
    os.environ.setdefault("GRADIO_ANALYTICS_MAX_EVENTS", "200")
    sys.setswitchinterval(SWITCH_SECONDS)
    page.queue(STATUS_SECONDS, api_open=False, max_size=settings.queue_size)
    address: str
    _, address, _ = page.launch(
        theme=interface.THEME,
        css_paths=interface.CSS,
        max_threads=JOBS_AT_ONCE,
        footer_links=["api", "settings"],
        prevent_thread_lock=not wait,
        app_kwargs={
            "routes": [thumbnails(Gallery(settings.images)), cancellation.route(page)],
            "exception_handlers": refusals(page),
        },
        allowed_paths=[],
        enable_monitoring=False,
        run_history=False,
        ssr_mode=False,
    )
    return address


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
            {"detail": f"{detail} Try again in a moment."}, 503, {"Retry-After": "5"}
        )

    return {
        FnIndexInferError: wrong_name,
        KeyError: wrong_name,
        TypeError: wrong_parameters,
        503: busy,
    }


@lru_cache(maxsize=2000)
def _thumbnail(path: Path, changed: int) -> bytes:
    picture = ImageOps.fit(images.read(path, path.name), (THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    content = io.BytesIO()
    picture.save(content, "WEBP", quality=80)
    return content.getvalue()
