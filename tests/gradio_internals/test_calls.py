"""The changes of how Gradio handles calls."""

import json
from typing import Any

import pytest

from classifier.gradio_internals.blocks import Blocks
from classifier.server.app import App
from tests.support.server import Server

FILE = {"_type": "gradio.FileData"}


def test_the_page_uses_these_blocks(app: App) -> None:
    assert type(app.page) is Blocks


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "/classify takes 2 values (image, model), but the call has 0."),
        (["pretzel.jpg"], "/classify takes 2 values (image, model), but the call has 1."),
        (
            ["pretzel.jpg", "tiny", 1],
            "/classify takes 2 values (image, model), but the call has 3.",
        ),
    ],
)
def test_a_wrong_number_of_values_gets_a_sentence(
    server: Server, data: list[Any], message: str
) -> None:
    kind, text = server.result("classify", server.call("classify", data).json()["event_id"])

    assert kind == "error"
    assert json.loads(text)["error"] == message


@pytest.mark.parametrize(
    ("image", "shown"),
    [
        ({"path": "/etc/passwd", "meta": FILE}, "'/etc/passwd'"),
        ({"path": "http://127.0.0.1:1/a.png", "meta": FILE}, "'http://127.0.0.1:1/a.png'"),
        ([{"path": "/etc/passwd", "meta": FILE}], "'/etc/passwd'"),
        ({"path": "/etc/passwd", "meta": 3}, "None"),
        ({"path": None, "meta": FILE}, "None"),
    ],
)
def test_only_uploaded_files_are_accepted(server: Server, image: object, shown: str) -> None:
    call = server.call("classify_upload", [image, "tiny"])
    kind, text = server.result("classify_upload", call.json()["event_id"])

    assert kind == "error"
    assert json.loads(text)["error"].startswith(f"The file {shown} was not uploaded")
    assert "Traceback" not in server.log.read_text()


def test_parameters_are_described(server: Server) -> None:
    endpoints = server.http.get("/gradio_api/info").json()["named_endpoints"]
    image, model = endpoints["/classify"]["parameters"]

    assert (image["label"], model["label"]) == ("image", "model")
    assert image["python_type"]["description"].startswith("Name of a picture in the gallery")
    assert model["python_type"]["description"].startswith("Name of a model")


@pytest.mark.parametrize("path", ["call/nothing", "call/v2/nothing"])
def test_an_unknown_endpoint_gets_the_valid_names(server: Server, path: str) -> None:
    response = server.http.post(f"/gradio_api/{path}", json={"data": []})

    assert response.status_code == 404
    detail = response.json()["detail"]
    assert detail.startswith("No endpoint is called '/nothing'; valid: ")
    assert "/classify_upload" in detail


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/gradio_api/queue/join", {"fn_index": 9999, "session_hash": "a", "data": []}),
        ("/?page=nothing", None),
    ],
)
def test_an_unknown_function_or_page_is_not_found(server: Server, path: str, body: Any) -> None:
    response = server.http.request("POST" if body else "GET", path, json=body)

    assert response.status_code == 404
    assert response.json() == {"detail": "Not found."}
    assert "Traceback" not in server.log.read_text()
