"""The body of POST /classifications: forms, JSON and uploads."""

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from classifier.settings import MODELS
from tests.support.server import DEFAULT, PROJECT, Server, wait_for

IMAGES = PROJECT / "images"
PICTURES = sorted(path.name for path in IMAGES.glob("*.jpg"))


def test_json_a_form_and_an_upload_give_the_same_result(server: Server) -> None:
    content = (IMAGES / PICTURES[2]).read_bytes()
    url = "/classifications"
    responses = [
        server.submit(PICTURES[2]),
        server.http.post(url, json={"model_id": DEFAULT, "image_id": PICTURES[2]}),
        server.http.post(url, data={"model_id": DEFAULT}, files={"image": ("../own.jpg", content)}),
    ]
    assert [response.status_code for response in responses] == [202] * 3
    states = [server.ended(response.json()["job_id"]) for response in responses]

    assert [state["task_status"] for state in states] == ["finished"] * 3
    assert states[0]["data"] == states[1]["data"] == states[2]["data"]
    assert [state["image_id"] for state in states] == [PICTURES[2], PICTURES[2], "own.jpg"]
    wait_for(lambda: not list((server.cache / "tickets" / "pictures").iterdir()))


@pytest.mark.parametrize(
    ("form", "message", "valid"),
    [
        (
            {"model_id": "resnet", "image_id": PICTURES[0]},
            "No model is called 'resnet'",
            list(MODELS),
        ),
        ({"model_id": DEFAULT, "image_id": "no.jpg"}, "No picture is called 'no.jpg'", PICTURES),
        ({"model_id": DEFAULT, "image_id": "../app.py"}, "No picture is called", PICTURES),
        ({"model_id": DEFAULT, "image_id": ["a"]}, "No picture is called ['a']", PICTURES),
        ({"model_id": 3, "image_id": PICTURES[0]}, "No model is called 3", list(MODELS)),
        ({"model_id": DEFAULT}, "The field image_id is missing; GET /info lists", None),
        ({"image_id": PICTURES[0]}, "The field model_id is missing; GET /info lists", None),
        ([1], "Expected JSON like", None),
    ],
)
def test_a_wrong_value_gets_a_message_and_the_valid_names(
    server: Server, form: Any, message: str, valid: list[str] | None
) -> None:
    response = server.http.post("/classifications", json=form)

    assert response.status_code == 422
    assert response.json()["detail"].startswith(message)
    assert response.json().get("valid") == valid


@pytest.mark.parametrize(
    ("content", "media_type", "message"),
    [
        (b"nonsense", "application/json", "Expected JSON like"),
        (b"nonsense", "text/plain", "Expected model_id and image_id as"),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x", "The field model_id is missing"),
        (b"", "multipart/form-data", "The form cannot be parsed"),
    ],
)
def test_a_body_that_cannot_be_parsed_gets_a_message(
    server: Server, content: bytes, media_type: str, message: str
) -> None:
    headers = {"Content-Type": media_type}
    response = server.http.post("/classifications", content=content, headers=headers)

    assert response.status_code == 422
    assert response.json()["detail"].startswith(message)


@pytest.mark.parametrize(
    ("files", "fields", "message"),
    [
        ({"image": ("a.jpg", b"text")}, {}, "'a.jpg' is not a picture that can be read"),
        ({"image": ("a.jpg", b"")}, {}, "The file in image is empty"),
        ({"image": ("a.jpg", b"x")}, {"image_id": PICTURES[0]}, "Send either image_id or a file"),
        ({"model": ("a.jpg", b"x")}, {"image": "a.jpg"}, "The field image must be a file"),
        ({"image": ("a.jpg", b"x"), "b": ("b.jpg", b"x")}, {}, "The form cannot be parsed"),
    ],
)
def test_an_upload_that_is_not_valid_gets_a_message(
    server: Server, files: Any, fields: dict[str, str], message: str
) -> None:
    form = {"model_id": DEFAULT, **fields}
    response = server.http.post("/classifications", data=form, files=files)

    assert response.status_code == 422
    assert response.json()["detail"].startswith(message)


def test_an_upload_with_a_large_content_length_is_rejected_unread(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(server.address).port or 0)) as connection:
        connection.settimeout(60)
        connection.sendall(
            b"POST /classifications HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 99999999\r\n\r\n"
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_an_upload_without_a_content_length_is_rejected_when_it_is_too_large(
    server: Server,
) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(33):
            yield bytes(1 << 20)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = server.http.post("/classifications", content=chunks(), headers=headers)

    assert response.status_code == 413
    assert response.json()["detail"] == "The picture has more than 32 MB; send a smaller one."


@pytest.mark.parametrize("media_type", ["application/json", "application/x-www-form-urlencoded"])
def test_a_body_without_a_picture_must_be_small(server: Server, media_type: str) -> None:
    content = b'{"model_id": "' + b"a" * 100_000
    headers = {"Content-Type": media_type}
    response = server.http.post("/classifications", content=content, headers=headers)

    assert response.status_code == 413
    assert response.json()["detail"] == "The form is too large."


def test_deeply_nested_json_gets_a_message(server: Server) -> None:
    headers = {"Content-Type": "application/json"}
    response = server.http.post("/classifications", content=b"[" * 60_000, headers=headers)

    assert response.status_code == 422
    assert response.json()["detail"].startswith("Expected JSON like")
