"""Browsers are told what the page may do; all other tests of the page fail if it does more."""

import pytest
from playwright.sync_api import Browser

from classifier.server.security_headers import HEADERS
from tests.support.browsing import opened
from tests.support.server import Server


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/health", 200),
        ("GET", "/config", 200),
        ("GET", "/docs", 200),
        ("GET", "/previews/pretzel.jpg", 200),
        ("GET", "/gradio_api/vibe-code", 404),
        ("GET", "/nothing", 404),
        ("POST", "/classifications", 422),
    ],
)
def test_every_response_has_the_headers(
    server: Server, method: str, path: str, status: int
) -> None:
    response = server.http.request(method, path)

    assert response.status_code == status
    assert {name: response.headers[name] for name in HEADERS} == HEADERS


def test_a_body_that_is_too_large_is_no_exception(server: Server) -> None:
    response = server.http.post("/info", content=b" " * (5 << 20))

    assert response.status_code == 413
    assert {name: response.headers[name] for name in HEADERS} == HEADERS


def test_a_violation_is_noticed(browser: Browser, server: Server) -> None:
    with (
        pytest.raises(AssertionError, match="Content Security Policy"),
        opened(browser, server) as page,
    ):
        page.evaluate("fetch('http://127.0.0.1:9/').catch(() => null)")
