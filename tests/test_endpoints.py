"""Programs that ask the real server: gradio_client, and HTTP as curl speaks it."""

import json
import shutil
import time
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client.exceptions import AppError
from gradio_client.utils import QueueError, Status

from classifier.settings import MODELS
from tests.serving import PROJECT, Server, serve, wait_for

PICTURES = sorted(path.name for path in (PROJECT / "images").glob("*.jpg"))
ENDPOINTS = [
    "/classify",
    "/classify_batch",
    "/classify_upload",
    "/compare",
    "/histogram",
    "/info",
    "/models",
    "/transform",
]

BAD_VALUES = [
    pytest.param(["nothing.jpg", "tiny"], "No picture is called 'nothing.jpg'", id="unknown"),
    pytest.param(["../app.py", "tiny"], "No picture is called '../app.py'", id="upwards"),
    pytest.param(["/etc/passwd", "tiny"], "No picture is called '/etc/passwd'", id="absolute"),
    pytest.param(["", "tiny"], "No picture is called ''", id="empty"),
    pytest.param([None, "tiny"], "No picture is called None", id="none"),
    pytest.param([["a"], "tiny"], "No picture is called ['a']", id="list"),
    pytest.param([{"path": "/etc/passwd"}, "tiny"], "No picture is called {", id="file"),
    pytest.param([3, "tiny"], "No picture is called 3", id="number"),
    pytest.param([PICTURES[0], "resnet"], "No model is called 'resnet'", id="unknown-model"),
    pytest.param([PICTURES[0], None], "No model is called None", id="no-model"),
    pytest.param([PICTURES[0], ["tiny"]], "No model is called ['tiny']", id="list-model"),
]
BAD_COUNTS = [
    pytest.param([], "/classify takes 2 values (image, model); 0 came.", id="none"),
    pytest.param([PICTURES[0]], "/classify takes 2 values (image, model); 1 came.", id="one"),
    pytest.param([PICTURES[0], "tiny", 1], "/classify takes 2 values (image, model); 3 came."),
]


def test_info_lists_what_is_on_offer(server: Server) -> None:
    assert server.client().predict(api_name="/info") == {
        "models": list(MODELS),
        "images": PICTURES,
    }


def test_a_prediction_has_five_labels_the_likeliest_first(server: Server) -> None:
    record = server.client().predict(PICTURES[0], "tiny", api_name="/classify")

    assert set(record) == {"model", "image", "predictions", "seconds"}
    assert (record["model"], record["image"]) == ("tiny", PICTURES[0])
    probabilities = [guess["probability"] for guess in record["predictions"]]
    assert len(probabilities) == 5
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) <= 1
    assert 0 < record["seconds"] < 10


def test_a_repeated_question_is_answered_from_memory_until_its_picture_changes(
    tmp_path: Path,
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for number, name in enumerate(PICTURES[:2]):
        shutil.copy(PROJECT / "images" / name, images / f"{number}.jpg")
    with serve(tmp_path / "server", images=images) as server:
        client = server.client()

        def ask(name: str) -> dict[str, Any]:
            record: dict[str, Any] = client.predict(name, "tiny", api_name="/classify")
            return record

        first = ask("0.jpg")
        # To a tenth of a millisecond: these were not measured anew.
        assert {ask("0.jpg")["seconds"] for _ in range(5)} == {first["seconds"]}

        other = ask("1.jpg")
        shutil.copy(images / "1.jpg", images / "0.jpg")
        changed = ask("0.jpg")
        assert changed["image"] == "0.jpg"
        assert changed["predictions"] == other["predictions"] != first["predictions"]


def test_jobs_that_are_held_are_held_again(slow_server: Server) -> None:
    client = slow_server.client()
    client.predict(PICTURES[0], "tiny", api_name="/classify")
    begin = time.monotonic()
    client.predict(PICTURES[0], "tiny", api_name="/classify")

    assert time.monotonic() - begin > 0.9


def test_parameters_are_typed_and_described(server: Server) -> None:
    endpoints = httpx.get(f"{server.address}/gradio_api/info").json()["named_endpoints"]

    assert set(endpoints) == set(ENDPOINTS)
    image, model = endpoints["/classify"]["parameters"]
    assert (image["parameter_name"], model["parameter_name"]) == ("image", "model")
    assert image["python_type"]["type"] == model["python_type"]["type"] == "str"
    assert "Name of a picture" in image["python_type"]["description"]
    assert "Name of a model" in model["python_type"]["description"]
    assert "predictions" in endpoints["/classify"]["returns"][0]["python_type"]["type"]


@pytest.mark.parametrize(("data", "message"), [*BAD_VALUES, *BAD_COUNTS])
def test_a_bad_call_over_http_gets_a_sentence(
    server: Server, data: list[object], message: str
) -> None:
    kind, text = server.result("classify", server.call("classify", data).json()["event_id"])

    assert kind == "error"
    assert json.loads(text)["error"].startswith(message)
    assert_it_still_answers(server)


@pytest.mark.parametrize(("data", "message"), BAD_VALUES)
def test_a_bad_call_through_the_client_gets_a_sentence(
    server: Server, data: list[object], message: str
) -> None:
    with pytest.raises(AppError) as raised:
        server.client().predict(*data, api_name="/classify")

    assert str(raised.value).startswith(message)
    assert_it_still_answers(server)


def test_a_wrong_name_is_answered_with_valid_ones(server: Server) -> None:
    for data, valid in [
        ([f"{PICTURES[0]}x", "tiny"], PICTURES[0]),
        ([PICTURES[0], "resnet"], "vgg16"),
    ]:
        event = server.call("classify", data).json()["event_id"]
        kind, text = server.result("classify", event)

        assert kind == "error"
        assert f" {valid}" in json.loads(text)["error"]


@pytest.mark.parametrize("path", ["call/nothing", "call/v2/nothing"])
def test_an_unknown_endpoint_is_answered_with_the_valid_ones(server: Server, path: str) -> None:
    answer = httpx.post(f"{server.address}/gradio_api/{path}", json={"data": []})

    assert answer.status_code == 404
    start = "No endpoint is called '/nothing'; valid: "
    detail = answer.json()["detail"]
    assert detail.startswith(start)
    assert sorted(detail.removeprefix(start).removesuffix(".").split(", ")) == sorted(ENDPOINTS)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"image": PICTURES[0]}, "No value provided for required argument: model"),
        ({"image": PICTURES[0], "model": "tiny", "extra": 1}, "Parameter `extra` is not a valid"),
    ],
)
def test_a_call_by_name_with_wrong_parameters_gets_a_sentence(
    server: Server, body: dict[str, object], message: str
) -> None:
    answer = httpx.post(f"{server.address}/gradio_api/call/v2/classify", json=body)

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(message)


@pytest.mark.parametrize("body", ["nonsense", "{}", '{"data": {"image": 1}}'])
def test_a_body_that_is_no_list_of_values_is_refused(server: Server, body: str) -> None:
    answer = httpx.post(
        f"{server.address}/gradio_api/call/classify",
        content=body,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert_it_still_answers(server)


def test_bad_input_leaves_no_traceback_in_the_log(server: Server) -> None:
    for parameters in [*BAD_VALUES, *BAD_COUNTS]:
        event = server.call("classify", parameters.values[0]).json()["event_id"]
        server.result("classify", event)

    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=/etc/passwd",
        f"gradio_api/file={PROJECT}/app.py",
        "monitoring",
        "monitoring/summary",
        "thumbnails/..%2Fapp.py",
        "thumbnails/nothing.jpg",
    ],
)
def test_what_is_not_meant_to_be_served_is_not(server: Server, path: str) -> None:
    answer = httpx.get(f"{server.address}/{path}")

    assert answer.status_code in {403, 404}
    assert "import" not in answer.text


def test_the_queue_cannot_be_gone_around(server: Server) -> None:
    answer = httpx.post(
        f"{server.address}/gradio_api/run/classify", json={"data": [PICTURES[0], "tiny"]}
    )
    assert answer.status_code == 404


def test_a_job_is_queued_then_processing_then_finished(slow_server: Server) -> None:
    client = slow_server.client()
    client.predict(PICTURES[0], "tiny", api_name="/classify")  # an estimate needs one that ended
    jobs = [client.submit(PICTURES[0], "tiny", api_name="/classify") for _ in range(3)]
    wait_for(lambda: any(job.status().rank == 1 for job in jobs))
    last = next(job for job in jobs if job.status().rank == 1)
    seen = [last.status()]
    while not last.done():
        seen.append(last.status())
        time.sleep(0.01)
    seen.append(last.status())

    codes = list(dict.fromkeys(status.code for status in seen))
    assert codes == [Status.IN_QUEUE, Status.PROCESSING, Status.FINISHED]
    waiting = [status for status in seen if status.code is Status.IN_QUEUE]
    places = [status.rank for status in waiting if status.rank is not None]
    assert places == sorted(places, reverse=True)
    assert places[-1] == 0
    assert any(status.eta and 0 < status.eta < 10 for status in waiting)
    assert all(job.result()["model"] == "tiny" for job in jobs)


def test_no_more_jobs_run_at_once_than_allowed(slow_server: Server) -> None:
    client = slow_server.client()
    start = time.monotonic()
    jobs = [client.submit(PICTURES[0], "tiny", api_name="/classify") for _ in range(4)]
    for job in jobs:
        job.result(timeout=20)

    # Each is held for a second, one after the other.
    assert time.monotonic() - start >= 4


@pytest.mark.parametrize("status", [Status.IN_QUEUE, Status.PROCESSING])
def test_cancelling_a_job_costs_no_other(slow_server: Server, status: Status) -> None:
    client = slow_server.client()
    jobs = [client.submit(PICTURES[0], "tiny", api_name="/classify") for _ in range(3)]
    wait_for(lambda: any(job.status().code is status for job in jobs))
    cancelled = next(job for job in jobs if job.status().code is status)

    assert cancelled.cancel()

    for job in jobs:
        if job is not cancelled:
            assert job.result(timeout=20)["model"] == "tiny"
    # The client gives up by itself or is told so by the server, whichever comes first.
    with pytest.raises((CancelledError, AppError)):
        cancelled.result(timeout=20)


def test_cancelling_a_running_job_frees_its_place_at_once(tmp_path: Path) -> None:
    with serve(tmp_path, CLASSIFIER_CONCURRENCY=1, CLASSIFIER_DELAY_SECONDS=60) as server:
        client = server.client()
        held = client.submit(PICTURES[0], "tiny", api_name="/classify")
        wait_for(lambda: held.status().code is Status.PROCESSING)
        following = client.submit(PICTURES[0], "tiny", api_name="/classify")
        wait_for(lambda: following.status().code is Status.IN_QUEUE)
        held.cancel()

        # Long before the minute is over for which the first was to be held.
        wait_for(lambda: following.status().code is Status.PROCESSING, 30)
        following.cancel()


def test_a_full_queue_asks_to_try_again(slow_server: Server) -> None:
    data = [PICTURES[0], "tiny"]
    client = slow_server.client()  # made now, for it takes a while
    answers = [slow_server.call("classify", data) for _ in range(9)]
    refused = [answer for answer in answers if answer.status_code != 200]

    assert refused
    for answer in refused:
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["detail"].startswith("Queue is full.")
        assert answer.json()["detail"].endswith("Try again in a moment.")
    with pytest.raises(QueueError, match="Please try again"):
        client.predict(*data, api_name="/classify")
    for answer in answers:
        if answer.status_code == 200:
            kind, _ = slow_server.result("classify", answer.json()["event_id"])
            assert kind == "complete"


def assert_it_still_answers(server: Server) -> None:
    event = server.call("classify", [PICTURES[0], "tiny"]).json()["event_id"]
    kind, data = server.result("classify", event)
    assert kind == "complete"
    assert json.loads(data)[0]["image"] == PICTURES[0]
