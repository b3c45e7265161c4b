"""Routes of Gradio that the page does not need and that could be misused; they return 404.

Gradio would cut recordings with ffmpeg for any length of time, relay streams and web
addresses to anyone, and write the state of the page to disk for links.
"""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PATHS = (
    "process_recording",
    "component_server",
    "custom_component/{rest:path}",
    "deep_link",
    "dev/reload",
    "file=http{rest:path}",
    "file/{rest:path}",
    "proxy={rest:path}",
    "run-history/{rest:path}",
    "runs",
    "stream/{rest:path}",
    "undo-vibe-edit",
    "vibe-code",
    "vibe-edit",
    "vibe-starter-queries",
)


def routes() -> list[Route]:
    """Returns routes that take precedence over Gradio's, with and without a trailing slash."""
    return [
        Route(f"/gradio_api/{path}{end}", _not_found, methods=METHODS, include_in_schema=False)
        for path in PATHS
        for end in ("", "/")
    ]


async def _not_found(request: Request) -> JSONResponse:
    return JSONResponse({"detail": "This server does not offer this."}, 404)
