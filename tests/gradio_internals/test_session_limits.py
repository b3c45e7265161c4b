"""The limits of a session of a real server."""

from classifier.gradio_internals.queue_session_limits import MAX_UNREAD
from tests.support.server import PROJECT, Server

PICTURE = PROJECT / "images" / "pretzel.jpg"


def test_the_name_of_a_session_is_limited(server: Server) -> None:
    request = {"fn_index": 0, "session_hash": "a" * 1000, "data": []}
    response = server.http.post("/gradio_api/queue/join", json=request)

    assert response.status_code == 400
    assert response.json()["detail"] == "The session_hash has more than 64 characters."


def test_a_session_that_reads_none_of_its_results_is_limited(server: Server) -> None:
    # A cached result takes no place in the queue, so the queue cannot be full.
    client = server.client()
    client.predict(PICTURE.name, "tiny", api_name="/classify")
    config = server.http.get("/config").json()
    classify = next(
        function["id"] for function in config["dependencies"] if function["api_name"] == "classify"
    )
    request = {"fn_index": classify, "session_hash": "deaf", "data": [PICTURE.name, "tiny"]}
    for _ in range(MAX_UNREAD):
        assert server.http.post("/gradio_api/queue/join", json=request).status_code == 200
    response = server.http.post("/gradio_api/queue/join", json=request)
    assert response.status_code == 503
    assert "This session has too many results that were not read." in response.json()["detail"]

    request["session_hash"] = "another"
    assert server.http.post("/gradio_api/queue/join", json=request).status_code == 200
