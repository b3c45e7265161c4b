"""What Gradio serves and this page does not need, and what could be misused: answered 404.

Recordings are cut by ffmpeg for as long as it takes, streams and addresses of the web are
relayed to anyone, states of the page are written down for links to them.
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
    """Routes to stand before Gradio's own, with and without a slash at the end."""
    return [
        Route(f"/gradio_api/{path}{end}", _gone, methods=METHODS, include_in_schema=False)
        for path in PATHS
        for end in ("", "/")
    ]


async def _gone(request: Request) -> JSONResponse:
    return JSONResponse({"detail": "This is not served here."}, 404)
