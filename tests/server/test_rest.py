"""The REST routes over HTTP: jobs and their states."""

import hashlib
import math
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from gradio_client.utils import Status

from classifier.settings import MODELS
from tests.support import course_client
from tests.support.file_server import serving
from tests.support.server import DEFAULT, PROJECT, Server, serve, wait_for

IMAGES = PROJECT / "images"
PICTURES = sorted(path.name for path in IMAGES.glob("*.jpg"))
STARTED = {Status.PROCESSING, Status.FINISHED}  # of a call
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


def job_id(response: httpx.Response) -> str:
    """Returns the ID of a job that was accepted."""
    assert response.status_code == 202, response.text
    id: str = response.json()["job_id"]
    return id


def test_a_client_of_the_course_works_unchanged(server: Server) -> None:
    pairs = course_client.classify(server.address, PICTURES[0], DEFAULT, pause=0.1)

    record = server.client().predict(PICTURES[0], DEFAULT, api_name="/classify")
    predictions = record["predictions"]
    assert [label for label, _ in pairs] == [prediction["label"] for prediction in predictions]
    assert [percent for _, percent in pairs] == [
        pytest.approx(100 * prediction["probability"], abs=1e-3) for prediction in predictions
    ]


def test_info_lists_the_models_and_pictures(server: Server) -> None:
    offer = server.http.get("/info").json()

    assert offer == {"models": list(MODELS), "images": PICTURES}


def test_an_accepted_job_has_an_address(server: Server) -> None:
    response = server.submit(PICTURES[1])
    job = response.json()

    assert set(job) == {"job_id", "task_status", "status_url"}
    assert job["task_status"] == "queued"
    assert job["status_url"] == f"{server.address}/classifications/{job['job_id']}"
    assert response.headers["Location"] == job["status_url"]
    assert len(job["job_id"]) >= 22  # 128 bits
    state = server.ended(job["job_id"])
    assert set(state) == STATE
    assert (state["model_id"], state["image_id"]) == (DEFAULT, PICTURES[1])
    assert state["created"] <= state["finished"]
    assert [state[name] for name in ("position", "eta_seconds", "progress", "error")] == [None] * 4


def test_behind_a_proxy_the_address_names_the_proxy(server: Server) -> None:
    headers = {"X-Forwarded-Host": "example.org", "X-Forwarded-Proto": "https"}
    response = server.submit(PICTURES[1], **headers)

    assert response.headers["Location"].startswith("https://example.org/classifications/")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_job_is_not_found(server: Server, method: str) -> None:
    response = server.http.request(method, "/classifications/nonsense")

    assert response.status_code == 404
    assert (
        response.json()["detail"] == "The job 'nonsense' does not exist, or its result has expired."
    )


@pytest.mark.parametrize("wait", ["31", "-1", "soon", "nan"])
def test_a_wait_that_is_not_valid_gets_a_message(server: Server, wait: str) -> None:
    response = server.http.get("/classifications/nonsense", params={"wait": wait})

    assert response.status_code == 422
    assert response.json()["detail"].startswith("wait: ")


def test_only_the_requested_jobs_are_listed(server: Server) -> None:
    requested = [job_id(server.submit(name)) for name in PICTURES[:2]]
    job_id(server.submit(PICTURES[3]))
    url = "/classifications"

    assert server.http.get(url).json() == {"classifications": []}
    params = {"job_id": [*requested, "nonsense"]}
    listed = server.http.get(url, params=params).json()["classifications"]
    assert [job["job_id"] for job in listed] == requested
    assert [job["image_id"] for job in listed] == PICTURES[:2]
    assert set(listed[0]) == {*STATE, "job_id"}


def test_a_repeated_idempotency_key_returns_the_first_job(server: Server) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    first = job_id(server.submit(PICTURES[4], **key))
    server.ended(first)

    assert job_id(server.submit(PICTURES[4], **key)) == first
    other = server.submit(PICTURES[5], **key)
    assert other.status_code == 422
    assert "belongs to a different request" in other.json()["detail"]
    assert job_id(server.submit(PICTURES[4])) != first
    assert server.submit(PICTURES[4], **{"Idempotency-Key": "x" * 256}).status_code == 422


def test_an_idempotency_key_sent_many_times_simultaneously_makes_one_job(
    slow_server: Server,
) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    with ThreadPoolExecutor(12) as threads:
        responses = list(threads.map(lambda _: slow_server.submit(PICTURES[0], **key), range(12)))

    jobs = {job_id(response) for response in responses}
    assert len(jobs) == 1
    assert slow_server.ended(jobs.pop())["task_status"] == "finished"


def test_a_hundred_clients_all_get_the_result(slow_server: Server) -> None:
    job = job_id(slow_server.submit(PICTURES[0]))
    with ThreadPoolExecutor(100) as threads:
        states = list(threads.map(lambda _: slow_server.ended(job), range(100)))

    assert all(state == states[0] for state in states)
    assert len(states[0]["data"]) == 5


def test_a_wait_ends_when_the_status_changes(slow_server: Server) -> None:
    jobs = [job_id(slow_server.submit(name)) for name in PICTURES[:3]]
    # The last job stays in the queue for two seconds, so the first request comes in time.
    states = [slow_server.state(jobs[-1])]
    while not states[-1]["finished"]:
        states.append(slow_server.state(jobs[-1], 30))

    assert [state["task_status"] for state in states] == ["queued", "started", "finished"]
    for job in jobs:
        assert slow_server.ended(job)["task_status"] == "finished"


def test_jobs_and_calls_wait_in_the_same_queue(slow_server: Server) -> None:
    client = slow_server.client()
    # The server estimates the time from a call and a job that have ended.
    client.predict(PICTURES[0], DEFAULT, api_name="/classify")
    slow_server.ended(job_id(slow_server.submit(PICTURES[0])))
    before = [job_id(slow_server.submit(name)) for name in PICTURES[:2]]
    call = client.submit(PICTURES[2], DEFAULT, api_name="/classify")
    wait_for(lambda: call.status().rank is not None or call.status().code in STARTED)
    behind = [job_id(slow_server.submit(name)) for name in PICTURES[3:5]]

    # One request for both states: the queue could move between two requests.
    listed = slow_server.http.get("/classifications", params={"job_id": behind}).json()
    waiting = listed["classifications"]
    assert [state["task_status"] for state in waiting] == ["queued", "queued"]
    # The jobs before the call, and the call itself, may have started in the meantime.
    assert [state["position"] for state in waiting] in ([2, 3], [1, 2], [0, 1])
    assert 0 < waiting[0]["eta_seconds"] < waiting[1]["eta_seconds"] + 1 < 30
    ends = [slow_server.ended(job) for job in before + behind]
    assert call.done()
    assert [state["finished"] for state in ends] == sorted(state["finished"] for state in ends)


def test_a_full_queue_rejects_jobs_and_says_when_to_try_again(slow_server: Server) -> None:
    start = time.monotonic()
    with ThreadPoolExecutor(12) as threads:
        responses = list(threads.map(slow_server.submit, PICTURES[:12]))
    seconds = time.monotonic() - start
    accepted = [response for response in responses if response.status_code == 202]
    rejected = [response for response in responses if response.status_code != 202]

    # Six jobs wait. The first job runs, and one more starts every second.
    assert 6 <= len(accepted) <= 7 + math.ceil(seconds)
    assert rejected
    for response in rejected:
        assert response.status_code == 503
        retry = int(response.headers["Retry-After"])
        assert 0 < retry <= 60
        assert response.json()["detail"] == f"The queue is full. Try again in {retry} s."
    for response in accepted:
        assert slow_server.ended(job_id(response))["task_status"] == "finished"


@pytest.mark.parametrize("status", ["queued", "started"])
def test_cancelling_a_job_does_not_affect_others(slow_server: Server, status: str) -> None:
    jobs = [job_id(slow_server.submit(name)) for name in PICTURES[:3]]
    cancelled = jobs[2] if status == "queued" else jobs[1]
    wait_for(lambda: slow_server.state(cancelled)["task_status"] == status)
    response = slow_server.http.delete(f"/classifications/{cancelled}")

    assert response.status_code == 200
    assert response.json()["task_status"] == "canceled"
    for job in jobs:
        state = slow_server.ended(job)
        assert state["task_status"] == ("canceled" if job == cancelled else "finished")
        assert (state["data"] is None) == (job == cancelled)
    again = slow_server.http.delete(f"/classifications/{jobs[0]}").json()
    assert again == slow_server.state(jobs[0])


def test_a_job_waits_for_its_model_outside_the_queue_and_a_failed_job_has_a_reason(
    weights: bytes, tmp_path: Path
) -> None:
    digest = hashlib.sha256(weights).hexdigest()
    images = tmp_path / "images"
    images.mkdir()
    shutil.copy(IMAGES / PICTURES[0], images / "a.jpg")
    (images / "b.jpg").write_text("no picture")
    with serving() as files:
        files.files, files.pause = {"/resnet18.pth": weights}, 2.0
        url = files.address("/resnet18.pth")
        command = ("-m", "tests.support.app_with_local_weights", url, digest[:8])
        with serve(tmp_path, images=images, command=command, CLASSIFIER_CONCURRENCY=1) as server:
            downloading = job_id(server.submit("a.jpg", "resnet18"))
            bad = job_id(server.submit("b.jpg"))
            assert server.ended(bad)["task_status"] == "failed"
            assert server.state(bad)["error"].startswith("'b.jpg' is not a picture")
            wait_for(lambda: (server.state(downloading)["progress"] or 0) > 0)
            state = server.state(downloading)
            assert (state["task_status"], state["position"]) == ("queued", None)
            assert state["progress"] < 1
            files.pause = 0.0

            assert server.ended(downloading)["task_status"] == "finished"
            assert "Traceback" not in server.log.read_text()


def test_results_expire(tmp_path: Path) -> None:
    kept = timedelta(seconds=3)
    with serve(tmp_path, CLASSIFIER_RESULT_HOURS=kept / timedelta(hours=1)) as server:
        job = job_id(server.submit(PICTURES[0]))
        state = server.ended(job)
        assert state["data"]
        wait_for(lambda: server.http.get(f"/classifications/{job}").status_code == 404)
        assert datetime.now(UTC) - datetime.fromisoformat(state["finished"]) >= kept
