"""The health checks."""

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
