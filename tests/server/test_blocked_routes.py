"""Routes of Gradio that are blocked."""

import pytest

from tests.support.server import Server


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "process_recording"),
        ("POST", "process_recording/"),
        ("POST", "component_server"),
        ("GET", "custom_component/x/y/z/a.js"),
        ("GET", "deep_link"),
        ("GET", "file=http://127.0.0.1:1/"),
        ("HEAD", "file=https://127.0.0.1:1/"),
        ("GET", "file/a"),
        ("GET", "proxy=http://127.0.0.1:1/"),
        ("GET", "runs"),
        ("POST", "run-history/connect"),
        ("POST", "stream/x"),
        ("GET", "vibe-code"),
        ("POST", "vibe-edit"),
    ],
)
def test_a_route_that_the_page_does_not_need_is_blocked(
    server: Server, method: str, path: str
) -> None:
    response = server.http.request(method, f"/gradio_api/{path}")

    assert response.status_code == 404
    if method != "HEAD":  # Gradio's own 404 has another message
        assert response.json() == {"detail": "This server does not offer this."}
