"""Responses to requests that do not reach an endpoint."""

from collections.abc import Awaitable, Callable

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from gradio import Blocks

from classifier.errors import UnknownNameError
from classifier.gradio_internals.requests import LOOKUP_PATHS, UnknownEndpointError
from classifier.jobs.queue import JobQueue

Handler = Callable[[Request, Exception], Awaitable[Response]]


def error_responses(page: Blocks, queue: JobQueue) -> dict[int | type[Exception], Handler]:
    """Returns exception handlers with a sentence for each error.

    Gradio alone would answer 500 without a message, and 503 without Retry-After.
    """

    async def unknown_name(request: Request, error: Exception) -> Response:
        if request.url.path in LOOKUP_PATHS:
            return JSONResponse({"detail": "Not found."}, 404)
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
            {"Retry-After": str(queue.seconds_to_wait())},
        )

    return {
        UnknownEndpointError: unknown_name,
        KeyError: unknown_name,
        TypeError: wrong_parameters,
        503: busy,
    }
