"""Which proxies may say who sends a request, as Uvicorn decides it."""

import asyncio
import os
from typing import Any

import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from classifier.server.reverse_proxy import BELIEVED_PROXIES, believe_proxies
from tests.support.server import run

CLIENT, PROXY = "203.0.113.9", "198.51.100.7"


def caller(peer: str, forwarded_for: str) -> str:
    """Returns the address that the app sees of a request."""
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])

    middleware = ProxyHeadersMiddleware(app, trusted_hosts=os.environ[BELIEVED_PROXIES])
    scope: Any = {
        "type": "http",
        "scheme": "http",
        "client": (peer, 1234),
        "headers": [(b"x-forwarded-for", forwarded_for.encode())],
    }
    run(middleware(scope, asyncio.Queue().get, asyncio.Queue().put))  # type: ignore[arg-type]
    return seen[0]


@pytest.mark.parametrize(
    ("named", "peer", "forwarded_for", "expected"),
    [
        ("", "127.0.0.1", CLIENT, CLIENT),
        ("", "::1", CLIENT, CLIENT),
        ("", PROXY, CLIENT, PROXY),
        ("", "10.0.0.5", CLIENT, "10.0.0.5"),
        (PROXY, PROXY, CLIENT, CLIENT),
        ("198.51.100.0/24", PROXY, CLIENT, CLIENT),
        # Calls of agents come from this machine.
        (PROXY, "127.0.0.1", CLIENT, CLIENT),
        (f"127.0.0.1,::1,{PROXY}", PROXY, CLIENT, CLIENT),
        ("*", PROXY, CLIENT, CLIENT),
        # What a client claims comes before what the proxy adds.
        (PROXY, PROXY, f"192.0.2.1, {CLIENT}", CLIENT),
    ],
)
def test_only_proxies_that_are_named_are_believed(
    monkeypatch: pytest.MonkeyPatch, named: str, peer: str, forwarded_for: str, expected: str
) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    monkeypatch.setenv(BELIEVED_PROXIES, named)
    for _ in range(2):  # a second time changes nothing
        believe_proxies()

    assert caller(peer, forwarded_for) == expected


def test_a_space_believes_its_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "user/space")
    monkeypatch.setenv(BELIEVED_PROXIES, "")
    believe_proxies()

    assert caller("10.20.30.40", f"192.0.2.1, {CLIENT}, 10.1.2.3") == CLIENT
    assert caller(PROXY, CLIENT) == PROXY
    assert caller("127.0.0.1", CLIENT) == CLIENT
