"""The health checks."""

import pytest

from tests.support.server import Server, wait_for


def test_the_server_is_alive(server: Server) -> None:
    response = server.http.get("/health")

    assert response.status_code == 200
    assert response.json() == {"status": "alive"}


def test_the_server_accepts_work(server: Server) -> None:
    # The first classification takes long on a busy machine.
    wait_for(lambda: server.http.get("/ready").is_success, 60)
    response = server.http.get("/ready")

    assert response.json() == {"ready": True, "queue": "ok", "canary": "ok", "disk": "ok"}
    assert response.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health",
        "/ready",
        "/info",
        "/docs",
        "/openapi.json",
        "/docs/swagger-ui.css",
        "/thumbnails/pretzel.jpg",
        "/previews/pretzel.jpg",
        "/classifications",
    ],
)
def test_head_has_the_status_of_get_and_no_body(server: Server, path: str) -> None:
    """Uptime monitors and health checks of containers use HEAD."""
    get, head = server.http.get(path), server.http.head(path)

    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]


def test_head_of_something_unknown_is_not_found(server: Server) -> None:
    assert server.http.head("/thumbnails/nothing.jpg").status_code == 404
    assert server.http.head("/classifications/nothing").status_code == 404
