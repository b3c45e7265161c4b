"""The course's routes, asked over HTTP: tickets and what becomes of them."""

import hashlib
import io
import shutil
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
import torch
from playwright.sync_api import Browser, expect
from torchvision.models import resnet18

from classifier.settings import MODELS
from tests import course
from tests.file_server import FileServer, serving
from tests.serving import PROJECT, Server, serve, wait_for

IMAGES = PROJECT / "images"
PICTURES = sorted(path.name for path in IMAGES.glob("*.jpg"))
STATE = {
    "task_status",
    "data",
    "position",
    "eta_seconds",
    "progress",
    "error",
    "model_id",
    "image_id",
    "created",
    "finished",
}


def ticket(answer: httpx.Response) -> str:
    assert answer.status_code == 202, answer.text
    job: str = answer.json()["job_id"]
    return job


def test_a_client_of_the_courses_service_works_unchanged(server: Server) -> None:
    pairs = course.classify(server.address, PICTURES[0], "tiny", pause=0.1)

    record = server.client().predict(PICTURES[0], "tiny", api_name="/classify")
    assert [label for label, _ in pairs] == [guess["label"] for guess in record["predictions"]]
    assert [percent for _, percent in pairs] == [
        pytest.approx(100 * guess["probability"], abs=1e-3) for guess in record["predictions"]
    ]


def test_info_lists_what_is_on_offer(server: Server) -> None:
    offer = server.http.get("/info").json()

    assert offer == {"models": list(MODELS), "images": PICTURES}


def test_a_ticket_says_where_to_ask(server: Server) -> None:
    answer = server.put(PICTURES[1])
    job = answer.json()

    assert set(job) == {"job_id", "task_status", "status_url"}
    assert job["task_status"] == "queued"
    assert job["status_url"] == f"{server.address}/classifications/{job['job_id']}"
    assert answer.headers["Location"] == job["status_url"]
    assert len(job["job_id"]) >= 22  # 128 bits
    state = server.ended(job["job_id"])
    assert set(state) == STATE
    assert (state["model_id"], state["image_id"]) == ("tiny", PICTURES[1])
    assert state["created"] <= state["finished"]
    assert [state[name] for name in ("position", "eta_seconds", "progress", "error")] == [None] * 4


def test_behind_a_proxy_a_ticket_names_the_proxy(server: Server) -> None:
    headers = {"X-Forwarded-Host": "example.org", "X-Forwarded-Proto": "https"}
    answer = server.put(PICTURES[1], **headers)

    assert answer.headers["Location"].startswith("https://example.org/classifications/")


def test_json_a_form_and_an_upload_ask_the_same(server: Server) -> None:
    url = f"{server.address}/classifications"
    content = (IMAGES / PICTURES[2]).read_bytes()
    answers = [
        server.put(PICTURES[2]),
        server.http.post(url, json={"model_id": "tiny", "image_id": PICTURES[2]}),
        server.http.post(url, data={"model_id": "tiny"}, files={"image": ("../own.jpg", content)}),
    ]
    states = [server.ended(ticket(answer)) for answer in answers]

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
        ({"model_id": "tiny", "image_id": "no.jpg"}, "No picture is called 'no.jpg'", PICTURES),
        ({"model_id": "tiny", "image_id": "../app.py"}, "No picture is called", PICTURES),
        ({"model_id": "tiny", "image_id": ["a"]}, "No picture is called ['a']", PICTURES),
        ({"model_id": 3, "image_id": PICTURES[0]}, "No model is called 3", list(MODELS)),
        ({"model_id": "tiny"}, "Expected image_id; GET /info lists", None),
        ({"image_id": PICTURES[0]}, "Expected model_id; GET /info lists", None),
        ([1], "Expected JSON like", None),
    ],
)
def test_a_bad_question_gets_a_sentence_and_the_valid_names(
    server: Server, form: Any, message: str, valid: list[str] | None
) -> None:
    answer = server.http.post("/classifications", json=form)

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(message)
    assert answer.json().get("valid") == valid


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"nonsense", "application/json", "Expected JSON like"),
        (b"nonsense", "text/plain", "Expected model_id and image_id as"),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x", "Expected model_id"),
        (b"", "multipart/form-data", "The form cannot be read"),
    ],
)
def test_a_body_that_is_no_question_gets_a_sentence(
    server: Server, content: bytes, kind: str, message: str
) -> None:
    url = f"{server.address}/classifications"
    answer = server.http.post(url, content=content, headers={"Content-Type": kind})

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(message)


@pytest.mark.parametrize(
    ("files", "fields", "message"),
    [
        ({"image": ("a.jpg", b"text")}, {}, "'a.jpg' is not a picture that can be read"),
        ({"image": ("a.jpg", b"")}, {}, "The file in image is empty"),
        ({"image": ("a.jpg", b"x")}, {"image_id": PICTURES[0]}, "Expected one picture"),
        ({"model": ("a.jpg", b"x")}, {"image": "a.jpg"}, "Expected a file in image"),
        ({"image": ("a.jpg", b"x"), "b": ("b.jpg", b"x")}, {}, "The form cannot be read"),
    ],
)
def test_a_bad_upload_gets_a_sentence(
    server: Server, files: Any, fields: dict[str, str], message: str
) -> None:
    url = f"{server.address}/classifications"
    answer = server.http.post(url, data={"model_id": "tiny", **fields}, files=files)

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(message)


def test_an_upload_that_is_announced_as_too_large_is_refused_unread(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(server.address).port or 0)) as line:
        line.sendall(
            b"POST /classifications HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 99999999\r\n\r\n"
        )
        assert line.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_an_upload_that_turns_out_too_large_is_refused(server: Server) -> None:
    def pieces() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(33):
            yield bytes(1 << 20)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    url = f"{server.address}/classifications"
    answer = server.http.post(url, content=pieces(), headers=headers)

    assert answer.status_code == 413
    assert answer.json()["detail"] == "The picture has more than 32 MB; send a smaller one."


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_ticket_is_not_found(server: Server, method: str) -> None:
    answer = httpx.request(method, f"{server.address}/classifications/nonsense")

    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is no job 'nonsense'; its result may have expired."


@pytest.mark.parametrize("wait", ["31", "-1", "soon", "nan"])
def test_a_wait_that_is_too_long_or_none_gets_a_sentence(server: Server, wait: str) -> None:
    answer = server.http.get("/classifications/nonsense", params={"wait": wait})

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("wait: ")


def test_only_the_jobs_that_are_named_are_listed(server: Server) -> None:
    mine = [ticket(server.put(name)) for name in PICTURES[:2]]
    ticket(server.put(PICTURES[3]))
    url = f"{server.address}/classifications"

    assert server.http.get(url).json() == {"classifications": []}
    listed = server.http.get(url, params={"job_id": [*mine, "nonsense"]}).json()["classifications"]
    assert [job["job_id"] for job in listed] == mine
    assert [job["image_id"] for job in listed] == PICTURES[:2]
    assert set(listed[0]) == {*STATE, "job_id"}


def test_a_key_sent_again_gives_the_first_job(server: Server) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first = ticket(server.put(PICTURES[4], **key))
    server.ended(first)

    assert ticket(server.put(PICTURES[4], **key)) == first
    other = server.put(PICTURES[5], **key)
    assert other.status_code == 422
    assert "was for another question" in other.json()["detail"]
    assert ticket(server.put(PICTURES[4])) != first
    assert server.put(PICTURES[4], **{"Idempotency-Key": "x" * 256}).status_code == 422


def test_a_key_sent_often_at_once_makes_one_job(slow_server: Server) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: slow_server.put(PICTURES[0], **key), range(12)))

    jobs = {ticket(answer) for answer in answers}
    assert len(jobs) == 1
    assert slow_server.ended(jobs.pop())["task_status"] == "finished"


def test_a_hundred_readers_all_get_the_answer(slow_server: Server) -> None:
    job = ticket(slow_server.put(PICTURES[0]))
    with ThreadPoolExecutor(100) as threads:
        states = list(threads.map(lambda _: slow_server.ended(job), range(100)))

    assert all(state == states[0] for state in states)
    assert len(states[0]["data"]) == 5


def test_a_wait_ends_when_the_status_changes(slow_server: Server) -> None:
    jobs = [ticket(slow_server.put(name)) for name in PICTURES[:2]]
    states = [slow_server.state(jobs[1])]
    while not states[-1]["finished"]:
        states.append(slow_server.state(jobs[1], 30))

    # Each answer brings another status; a started one may have been started at the first look.
    statuses = [state["task_status"] for state in states]
    assert statuses in (["queued", "started", "finished"], ["started", "finished"])
    assert slow_server.ended(jobs[0])["task_status"] == "finished"


def test_tickets_and_calls_wait_in_one_line(slow_server: Server) -> None:
    client = slow_server.client()
    client.predict(PICTURES[0], "tiny", api_name="/classify")  # an estimate needs one that ended
    first = ticket(slow_server.put(PICTURES[0]))
    call = client.submit(PICTURES[1], "tiny", api_name="/classify")
    wait_for(lambda: call.status().rank == 0)
    second = ticket(slow_server.put(PICTURES[2]))
    third = ticket(slow_server.put(PICTURES[3]))

    waiting = [slow_server.state(job) for job in (second, third)]
    assert [state["task_status"] for state in waiting] == ["queued", "queued"]
    places = [state["position"] for state in waiting]
    assert places in ([1, 2], [0, 1])  # the call may have come to run
    assert 0 < waiting[0]["eta_seconds"] < waiting[1]["eta_seconds"] + 1 < 30
    ends = [slow_server.ended(job) for job in (first, second, third)]
    assert call.done()
    assert [state["finished"] for state in ends] == sorted(state["finished"] for state in ends)


def test_a_full_queue_asks_to_come_back(slow_server: Server) -> None:
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(slow_server.put, PICTURES[:12]))
    accepted = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code != 202]

    # One or two may have been taken up meanwhile, beside the six that wait.
    assert 6 <= len(accepted) <= 8
    for answer in refused:
        assert answer.status_code == 503
        seconds = int(answer.headers["Retry-After"])
        assert 0 < seconds < 60
        assert answer.json()["detail"] == f"The queue is full. Try again in {seconds} s."
    for answer in accepted:
        assert slow_server.ended(ticket(answer))["task_status"] == "finished"


@pytest.mark.parametrize("status", ["queued", "started"])
def test_cancelling_a_job_costs_no_other(slow_server: Server, status: str) -> None:
    jobs = [ticket(slow_server.put(name)) for name in PICTURES[:3]]
    wait_for(lambda: any(slow_server.state(job)["task_status"] == status for job in jobs))
    chosen = next(job for job in jobs if slow_server.state(job)["task_status"] == status)
    answer = slow_server.http.delete(f"/classifications/{chosen}")

    assert answer.status_code == 200
    assert answer.json()["task_status"] == "canceled"
    for job in jobs:
        state = slow_server.ended(job)
        assert state["task_status"] == ("canceled" if job == chosen else "finished")
        assert (state["data"] is None) == (job == chosen)
    again = slow_server.http.delete(f"/classifications/{jobs[-1]}").json()
    assert again == slow_server.state(jobs[-1])


@pytest.fixture
def files() -> Iterator[FileServer]:
    with serving() as server:
        yield server


def test_a_job_waits_for_its_model_without_a_place_and_fails_with_a_reason(
    files: FileServer, tmp_path: Path
) -> None:
    content = io.BytesIO()
    torch.save(resnet18(weights=None).state_dict(), content)
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    files.files, files.pause = {"/resnet18.pth": content.getvalue()}, 0.3
    command = ("-m", "tests.served", files.address("/resnet18.pth"), digest[:8])
    images = tmp_path / "images"
    images.mkdir()
    shutil.copy(IMAGES / PICTURES[0], images / "a.jpg")
    (images / "b.jpg").write_text("no picture")
    with serve(tmp_path, images=images, command=command, CLASSIFIER_CONCURRENCY=1) as server:
        fetching = ticket(server.put("a.jpg", "resnet18"))
        bad = ticket(server.put("b.jpg"))
        assert server.ended(bad)["task_status"] == "failed"
        assert server.state(bad)["error"].startswith("'b.jpg' is not a picture")
        wait_for(lambda: (server.state(fetching)["progress"] or 0) > 0)
        state = server.state(fetching)
        assert (state["task_status"], state["position"]) == ("queued", None)
        assert state["progress"] < 1

        assert server.ended(fetching)["task_status"] == "finished"
        assert "Traceback" not in server.log.read_text()


def test_results_expire(tmp_path: Path) -> None:
    seconds = 2
    with serve(tmp_path, CLASSIFIER_RESULT_HOURS=seconds / 3600) as server:
        job = ticket(server.put(PICTURES[0]))
        assert server.ended(job)["data"]
        time.sleep(seconds)
        url = f"{server.address}/classifications/{job}"
        assert server.http.get(url).status_code == 404


def test_the_server_says_that_it_is_alive_and_takes_work(server: Server) -> None:
    assert server.http.get("/health").json() == {"status": "alive"}
    answer = server.http.get("/ready", timeout=30)
    assert answer.json() == {"ready": True, "queue": "ok", "canary": "ok", "disk": "ok"}
    assert answer.status_code == 200


def test_the_description_has_our_routes_and_none_of_gradios(server: Server) -> None:
    described = server.http.get("/openapi.json").json()

    assert {path: set(methods) for path, methods in described["paths"].items()} == {
        "/info": {"get"},
        "/classifications": {"get", "post"},
        "/classifications/{job_id}": {"get", "delete"},
    }


def test_the_examples_of_the_docs_work_when_tried_and_load_nothing_from_elsewhere(
    browser: Browser, server: Server
) -> None:
    hosts = set()
    page = browser.new_page()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(f"{server.address}/docs")
    expect(page.locator(".opblock")).to_have_count(5)
    codes = []
    for block in page.locator(".opblock").all():
        block.locator("button.opblock-summary-control").click()
        block.get_by_role("button", name="Try it out").click()
        block.get_by_role("button", name="Execute").click()
        response = block.locator(".live-responses-table .response-col_status").last
        expect(response).to_contain_text("20")
        codes.append(response.inner_text().split()[0])
        expect(block.locator(".live-responses-table")).to_contain_text(
            "task_status" if len(codes) > 1 else "tiny"
        )
    page.close()

    assert codes == ["200", "202", "200", "200", "200"]
    assert hosts <= {"127.0.0.1", None}  # None for pictures that come with the style sheet
