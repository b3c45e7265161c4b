"""What a server behind a reverse proxy needs."""

import os
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Uvicorn's own setting: the proxies whose X-Forwarded-For says who sends a request.
BELIEVED_PROXIES = "FORWARDED_ALLOW_IPS"
EVERYONE = "*"
THIS_MACHINE = "127.0.0.1,::1"
PRIVATE_NETWORKS = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"


def believe_proxies() -> None:
    """Lets proxies on this machine, and those that the user names, say who sends a request.

    Calls of agents come from this machine, too. A Hugging Face Space is only reachable through
    proxies in private networks.
    """
    default = PRIVATE_NETWORKS if "SPACE_ID" in os.environ else THIS_MACHINE
    named = os.environ.get(BELIEVED_PROXIES, "").strip() or default
    if named != EVERYONE and THIS_MACHINE not in named:
        named = f"{named},{THIS_MACHINE}"
    os.environ[BELIEVED_PROXIES] = named


class ReverseProxy:
    """ASGI middleware for servers behind a reverse proxy such as nginx.

    GRADIO_ROOT_PATH is the prefix under which clients see the server. A proxy can remove it or
    pass it on; this middleware removes it, so that all paths look the same further on. It also
    asks the proxy not to collect events before it sends them to the client.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_immediately(message: Message) -> None:
            if message["type"] == "http.response.start" and _is_event_stream(message):
                message["headers"] = [*message["headers"], (b"x-accel-buffering", b"no")]
            await send(message)

        # FastAPI has put GRADIO_ROOT_PATH here; it can also be a complete address.
        prefix = urlsplit(scope.get("root_path", "")).path.rstrip("/")
        path = scope["path"]
        if prefix and path.startswith(f"{prefix}/"):
            raw = scope.get("raw_path", path.encode()).removeprefix(prefix.encode())
            scope = {**scope, "path": path.removeprefix(prefix), "raw_path": raw}
        await self._app(scope, receive, send_immediately)


def _is_event_stream(message: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in message["headers"]
    )
