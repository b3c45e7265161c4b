"""What a hostile or a clumsy visitor sends harms nobody else."""

import io
import zipfile
from pathlib import Path
from typing import Any

import gradio
import pytest

from classifier import server as serving
from classifier.desk import Desk
from classifier.errors import BusyError, InputError, UnknownNameError
from classifier.limits import FULL, BodyLimit
from classifier.piles import MOST_ENTRIES, Pile
from classifier.queueing import MOST_UNREAD
from classifier.settings import Settings
from classifier.uploads import Uploads
from tests.serving import PROJECT, Server, run

PICTURE = PROJECT / "images" / "pretzel.jpg"


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
def test_what_the_page_does_not_need_is_not_served(server: Server, method: str, path: str) -> None:
    assert server.http.request(method, f"/gradio_api/{path}").status_code == 404


@pytest.mark.parametrize("path", ["/gradio_api/call/upload", "/gradio_api/run/classifications"])
def test_only_pictures_may_be_large(server: Server, path: str) -> None:
    answer = server.http.post(path, content=b'{"data": [' + b" " * (5 << 20) + b"]}")

    assert answer.status_code == 413


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_a_question_without_a_picture_is_short(server: Server, kind: str) -> None:
    content = b'{"model_id": "' + b"a" * 100_000
    answer = server.http.post("/classifications", content=content, headers={"Content-Type": kind})

    assert answer.status_code == 413
    assert answer.json()["detail"] == "The form is too large."


def test_json_without_an_end_gets_a_sentence(server: Server) -> None:
    headers = {"Content-Type": "application/json"}
    answer = server.http.post("/classifications", content=b"[" * 60_000, headers=headers)

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("Expected JSON like")


@pytest.mark.parametrize(
    ("path", "question"),
    [
        ("/gradio_api/queue/join", {"fn_index": 9999, "session_hash": "a", "data": []}),
        ("/?page=nothing", None),
    ],
)
def test_what_there_is_not_is_not_found(server: Server, path: str, question: Any) -> None:
    method = "POST" if question else "GET"
    answer = server.http.request(method, path, json=question)

    assert answer.status_code == 404
    assert answer.json() == {"detail": "There is no such thing here."}
    assert "Traceback" not in server.log.read_text()


def test_a_session_has_a_name_of_bounded_length(server: Server) -> None:
    question = {"fn_index": 0, "session_hash": "a" * 1000, "data": []}
    answer = server.http.post("/gradio_api/queue/join", json=question)

    assert answer.status_code == 400
    assert answer.json()["detail"] == "The session_hash has more than 64 characters."


def test_a_session_that_reads_nothing_gets_no_more(server: Server) -> None:
    # One that is remembered takes no place in the queue, however often it is asked for.
    client = server.client()
    client.predict(PICTURE.name, "tiny", api_name="/classify")
    config = server.http.get("/config").json()
    classify = next(
        function["id"] for function in config["dependencies"] if function["api_name"] == "classify"
    )
    question = {"fn_index": classify, "session_hash": "deaf", "data": [PICTURE.name, "tiny"]}
    for _ in range(MOST_UNREAD):
        assert server.http.post("/gradio_api/queue/join", json=question).status_code == 200
    answer = server.http.post("/gradio_api/queue/join", json=question)
    assert answer.status_code == 503
    assert "Too many of your answers wait to be read." in answer.json()["detail"]

    question["session_hash"] = "another"
    assert server.http.post("/gradio_api/queue/join", json=question).status_code == 200


def test_an_upload_is_files_and_nothing_else(server: Server) -> None:
    answer = server.http.post("/gradio_api/upload", files={"files": (None, b"a" * 1000)})

    assert answer.status_code == 400
    assert answer.text == "Expected files and nothing else."


def test_a_long_name_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    # Which would take seconds, of everybody's time.
    monkeypatch.setattr("classifier.errors.get_close_matches", None)
    error = UnknownNameError("picture", "a" * 4_000_000, [f"{number}.jpg" for number in range(99)])

    assert len(str(error)) < 500


def test_more_files_than_are_taken_are_not_looked_for(server: Server) -> None:
    event = server.call("classify_batch", [["nothing.jpg"] * 1001, "tiny"]).json()["event_id"]
    kind, text = server.result("classify_batch", event)

    assert kind == "error"
    assert "More than 1,000 pictures came" in text


def test_what_is_passed_over_in_archives_counts_too(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(MOST_ENTRIES // 2):
            archive.writestr(f".{number}", b"")
    file = tmp_path / "a.zip"
    file.write_bytes(content.getvalue())
    with pytest.raises(InputError, match="More than 1,000 pictures came"):
        Pile([("a.zip", file)] * 3)


def test_the_oldest_uploads_go_when_all_take_too_much(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, 3600, most_bytes=250)
    first, *rest = (uploads.keep(bytes(100), "a.png") for _ in range(3))
    uploads.sweep()

    assert not first.exists()
    assert all(file.exists() for file in rest)


def test_a_disk_that_is_nearly_full_takes_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = Uploads(tmp_path, 3600)
    monkeypatch.setattr("classifier.uploads.SPARE_BYTES", 1 << 60)

    assert not uploads.has_room()
    with pytest.raises(BusyError, match="The disk is nearly full"):
        uploads.keep(b"content", "a.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "room", "status"),
    [
        ("/gradio_api/upload", False, 507),
        ("/classifications", False, 507),
        ("/gradio_api/call/classify", False, 200),
        ("/gradio_api/upload", True, 200),
    ],
)
def test_no_picture_is_taken_without_room_for_it(path: str, room: bool, status: int) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200})

    limited = BodyLimit(app, 10, lambda: room)
    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    run(limited(scope, receive, send))

    assert sent[0]["status"] == status
    assert (FULL in str(sent)) == (status == 507)


@pytest.fixture
def page(tmp_path: Path) -> Any:
    async def made() -> Any:  # where an event loop runs, as Gradio likes it
        page = serving.create(Settings.from_environment({"CLASSIFIER_CACHE": str(tmp_path)}))
        page.queue(api_open=False)
        page.tickets.join(page)
        return page

    return run(made())


def test_all_that_may_run_at_once_has_room(page: Any) -> None:
    limits = {}
    for function in page.fns.values():
        if function.queue is not False:
            limits[function.concurrency_id] = function.concurrency_limit

    assert None not in limits.values(), limits
    concurrency = limits.pop("inference")
    assert concurrency
    assert sum(limits.values()) <= serving.JOBS_AT_ONCE


def test_a_question_that_is_refused_leaves_no_picture(page: Any, tmp_path: Path) -> None:
    page.tickets.refuse()
    desk = Desk(page.tickets.endpoints, page.tickets)

    async def ask() -> None:
        async for _ in desk.ask(PICTURE.name, None, {"brightness": 2}, "tiny"):
            pass

    with pytest.raises(gradio.Error, match="The server is stopping"):
        run(ask())
    assert not list(tmp_path.rglob("*-edited.png"))
