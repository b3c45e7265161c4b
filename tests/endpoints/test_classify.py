"""Programs that ask the real server: gradio_client, and HTTP as curl speaks it."""

import json
import re
import shutil
import time
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from gradio_client.utils import QueueError, Status
from PIL import Image

from classifier.pictures.decoding import decode
from classifier.pictures.edits import Edits
from classifier.settings import MODELS
from tests.support.server import DEFAULT, PROJECT, Server, serve, wait_for

PICTURES = sorted(path.name for path in (PROJECT / "images").glob("*.jpg"))
ENDPOINTS = [
    "/classify",
    "/classify_batch",
    "/classify_upload",
    "/compare",
    "/explain",
    "/histogram",
    "/info",
    "/models",
    "/transform",
]
FILE = {"_type": "gradio.FileData"}

BAD_VALUES = [
    pytest.param(["nothing.jpg", DEFAULT], "No picture is called 'nothing.jpg'", id="unknown"),
    pytest.param(["../app.py", DEFAULT], "No picture is called '../app.py'", id="upwards"),
    pytest.param(["/etc/passwd", DEFAULT], "No picture is called '/etc/passwd'", id="absolute"),
    pytest.param(["", DEFAULT], "No picture is called ''", id="empty"),
    pytest.param([None, DEFAULT], "No picture is called None", id="none"),
    pytest.param([["a"], DEFAULT], "No picture is called ['a']", id="list"),
    pytest.param([{"path": "/etc/passwd"}, DEFAULT], "No picture is called {", id="file"),
    pytest.param([3, DEFAULT], "No picture is called 3", id="number"),
    pytest.param([PICTURES[0], "resnet"], "No model is called 'resnet'", id="unknown-model"),
    pytest.param([PICTURES[0], None], "No model is called None", id="no-model"),
    pytest.param([PICTURES[0], [DEFAULT]], f"No model is called ['{DEFAULT}']", id="list-model"),
]
COUNT = "/classify takes 2 values (image, model), but the call has {}."
BAD_COUNTS = [
    pytest.param([], COUNT.format(0), id="no value"),
    pytest.param([PICTURES[0]], COUNT.format(1), id="one value"),
    pytest.param([PICTURES[0], DEFAULT, 1], COUNT.format(3), id="three values"),
]


def test_info_lists_what_is_on_offer(server: Server) -> None:
    assert server.client().predict(api_name="/info") == {
        "models": list(MODELS),
        "images": PICTURES,
    }


def test_a_prediction_has_five_labels_the_likeliest_first(server: Server) -> None:
    record = server.client().predict(PICTURES[0], DEFAULT, api_name="/classify")

    assert set(record) == {"model", "image", "predictions", "seconds"}
    assert (record["model"], record["image"]) == (DEFAULT, PICTURES[0])
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
            record: dict[str, Any] = client.predict(name, DEFAULT, api_name="/classify")
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
    client.predict(PICTURES[0], DEFAULT, api_name="/classify")
    begin = time.monotonic()
    client.predict(PICTURES[0], DEFAULT, api_name="/classify")

    assert time.monotonic() - begin > 0.9


def test_parameters_are_typed_and_described(server: Server) -> None:
    endpoints = server.http.get("/gradio_api/info").json()["named_endpoints"]

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
        ([f"{PICTURES[0]}x", DEFAULT], PICTURES[0]),
        ([PICTURES[0], "resnet"], "vgg16"),
    ]:
        event = server.call("classify", data).json()["event_id"]
        kind, text = server.result("classify", event)

        assert kind == "error"
        assert f" {valid}" in json.loads(text)["error"]


@pytest.mark.parametrize("path", ["call/nothing", "call/v2/nothing"])
def test_an_unknown_endpoint_is_answered_with_the_valid_ones(server: Server, path: str) -> None:
    answer = server.http.post(f"/gradio_api/{path}", json={"data": []})

    assert answer.status_code == 404
    start = "No endpoint is called '/nothing'; valid: "
    detail = answer.json()["detail"]
    assert detail.startswith(start)
    assert sorted(detail.removeprefix(start).removesuffix(".").split(", ")) == sorted(ENDPOINTS)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"image": PICTURES[0]}, "No value provided for required argument: model"),
        ({"image": PICTURES[0], "model": DEFAULT, "extra": 1}, "Parameter `extra` is not a valid"),
    ],
)
def test_a_call_by_name_with_wrong_parameters_gets_a_sentence(
    server: Server, body: dict[str, object], message: str
) -> None:
    answer = server.http.post("/gradio_api/call/v2/classify", json=body)

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(message)


@pytest.mark.parametrize("body", ["nonsense", "{}", '{"data": {"image": 1}}'])
def test_a_body_that_is_no_list_of_values_is_refused(server: Server, body: str) -> None:
    answer = server.http.post(
        "/gradio_api/call/classify",
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
    answer = server.http.get(f"/{path}")

    assert answer.status_code in {403, 404}
    assert "import" not in answer.text


def test_the_queue_cannot_be_gone_around(server: Server) -> None:
    answer = server.http.post("/gradio_api/run/classify", json={"data": [PICTURES[0], DEFAULT]})
    assert answer.status_code == 404


def test_a_job_is_queued_then_processing_then_finished(slow_server: Server) -> None:
    client = slow_server.client()
    client.predict(PICTURES[0], DEFAULT, api_name="/classify")  # an estimate needs one that ended
    jobs = [client.submit(PICTURES[0], DEFAULT, api_name="/classify") for _ in range(3)]
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
    assert all(job.result()["model"] == DEFAULT for job in jobs)


def test_no_more_jobs_run_at_once_than_allowed(slow_server: Server) -> None:
    client = slow_server.client()
    start = time.monotonic()
    jobs = [client.submit(PICTURES[0], DEFAULT, api_name="/classify") for _ in range(4)]
    for job in jobs:
        job.result(timeout=20)

    # Each is held for a second, one after the other.
    assert time.monotonic() - start >= 4


@pytest.mark.parametrize("status", [Status.IN_QUEUE, Status.PROCESSING])
def test_cancelling_a_job_costs_no_other(slow_server: Server, status: Status) -> None:
    client = slow_server.client()
    jobs = [client.submit(PICTURES[0], DEFAULT, api_name="/classify") for _ in range(3)]
    wait_for(lambda: any(job.status().code is status for job in jobs))
    cancelled = next(job for job in jobs if job.status().code is status)

    assert cancelled.cancel()

    for job in jobs:
        if job is not cancelled:
            assert job.result(timeout=20)["model"] == DEFAULT
    # The client gives up by itself or is told so by the server, whichever comes first. If both
    # happen at the same moment, gradio_client has an error of its own.
    with pytest.raises((CancelledError, AppError, ValueError)) as caught:
        cancelled.result(timeout=20)
    if isinstance(caught.value, ValueError) and not isinstance(caught.value, AppError):
        assert str(caught.value) == "Did not expect 2 tasks to be done."


def test_cancelling_a_running_job_frees_its_place_at_once(tmp_path: Path) -> None:
    with serve(tmp_path, CLASSIFIER_CONCURRENCY=1, CLASSIFIER_DELAY_SECONDS=60) as server:
        client = server.client()
        held = client.submit(PICTURES[0], DEFAULT, api_name="/classify")
        wait_for(lambda: held.status().code is Status.PROCESSING)
        following = client.submit(PICTURES[0], DEFAULT, api_name="/classify")
        wait_for(lambda: following.status().code is Status.IN_QUEUE)
        held.cancel()

        # Long before the minute is over for which the first was to be held.
        wait_for(lambda: following.status().code is Status.PROCESSING, 30)
        following.cancel()


def test_a_full_queue_asks_to_try_again(slow_server: Server) -> None:
    data = [PICTURES[0], DEFAULT]
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


def test_an_uploaded_picture_has_the_answer_that_it_has_in_the_gallery(server: Server) -> None:
    client = server.client()
    for name in PICTURES[:3]:
        ours = client.predict(name, DEFAULT, api_name="/classify")
        file = handle_file(PROJECT / "images" / name)
        own = client.predict(file, DEFAULT, api_name="/classify_upload")

        assert own.keys() == ours.keys()
        assert (own["model"], own["image"]) == (DEFAULT, name)
        assert own["predictions"] == ours["predictions"]


def test_uploads_of_every_kind_are_read_upright(server: Server, tmp_path: Path) -> None:
    picture = Image.open(PROJECT / "images" / PICTURES[0])
    picture.save(tmp_path / "upright.png")
    picture.save(tmp_path / "a.tiff")
    tag = Image.Exif()
    tag[0x112] = 6  # lies on its side
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=tag)
    client = server.client()
    answers = [
        client.predict(handle_file(tmp_path / name), DEFAULT, api_name="/classify_upload")
        for name in ("upright.png", "a.tiff", "turned.png")
    ]
    assert answers[0]["predictions"] == answers[1]["predictions"] == answers[2]["predictions"]


@pytest.mark.parametrize("image", [PICTURES[0], None, 3])
def test_what_is_no_file_is_told(server: Server, image: object) -> None:
    event = server.call("classify_upload", [image, DEFAULT]).json()["event_id"]
    kind, text = server.result("classify_upload", event)

    assert kind == "error"
    assert json.loads(text)["error"].startswith(
        f"The picture is {image!r}; expected an uploaded file"
    )


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ({"path": "/etc/passwd"}, "There is no uploaded file 'passwd'"),
        (
            {"path": "/etc/passwd", "meta": FILE},
            "The file '/etc/passwd' was not uploaded to this server",
        ),
        ({"path": "http://127.0.0.1:1/a.png", "meta": FILE}, "The file 'http://127.0.0.1:1/a.png'"),
        (
            [{"path": "/etc/passwd", "meta": FILE}],
            "The file '/etc/passwd' was not uploaded to this server",
        ),
        ({"path": "/etc/passwd", "meta": 3}, "The file None was not uploaded to this server"),
        ({"path": None, "meta": FILE}, "The file None was not uploaded to this server"),
    ],
)
@pytest.mark.parametrize(
    ("endpoint", "rest"),
    [
        ("classify_upload", [DEFAULT]),
        ("transform", [1, 1, 1, 1, 0, "none"]),
        ("histogram", [1, 1, 1, 1, 0, "none"]),
    ],
)
def test_what_was_not_uploaded_is_not_opened(
    server: Server, endpoint: str, rest: list[object], image: object, message: str
) -> None:
    event = server.call(endpoint, [image, *rest]).json()["event_id"]
    kind, text = server.result(endpoint, event)

    assert kind == "error"
    assert json.loads(text)["error"].startswith(message)
    assert "Traceback" not in server.log.read_text()


def test_a_file_that_is_no_picture_gets_a_sentence(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "letter.png"
    file.write_text("no picture")
    client = server.client()
    for endpoint, rest in (("classify_upload", [DEFAULT]), ("transform", []), ("histogram", [])):
        with pytest.raises(AppError, match=r"^'letter.png' is not a picture that can be read"):
            client.predict(handle_file(file), *rest, api_name=f"/{endpoint}")


def test_a_picture_is_transformed(server: Server) -> None:
    client = server.client()
    edits = Edits(brightness=1.4, contrast=0.8, rotation=30, flip="vertical")
    file = client.predict(PICTURES[0], **edits.values(), api_name="/transform")
    expected = edits.apply(decode(PROJECT / "images" / PICTURES[0], PICTURES[0]))

    with Image.open(file) as edited:
        assert edited.format == "PNG"
        assert edited.tobytes() == expected.tobytes()
    own = client.predict(
        handle_file(PROJECT / "images" / PICTURES[0]), **edits.values(), api_name="/transform"
    )
    assert Path(own).read_bytes() == Path(file).read_bytes()
    assert client.predict(handle_file(file), DEFAULT, api_name="/classify_upload")["predictions"]


def test_two_who_ask_for_the_same_get_files_of_their_own(server: Server) -> None:
    paths = []
    for _ in range(2):
        event = server.call("transform", [PICTURES[0], 1, 2, 1, 1, 0, "none"]).json()["event_id"]
        kind, text = server.result("transform", event)
        assert kind == "complete"
        paths.append(json.loads(text)[0]["path"])

    assert paths[0] != paths[1]
    for path in paths:
        assert re.fullmatch(r"[0-9a-f]{64}", Path(path).parent.name)
        assert server.http.get(f"/gradio_api/file={path}").status_code == 200


def test_histograms_of_the_original_and_the_edited_picture(server: Server) -> None:
    found = server.client().predict(PICTURES[0], brightness=0, api_name="/histogram")
    picture = decode(PROJECT / "images" / PICTURES[0], PICTURES[0])
    counts = picture.histogram()

    assert set(found) == {"original", "edited"}
    assert found["original"] == {
        "red": counts[:256],
        "green": counts[256:512],
        "blue": counts[512:],
        "luminance": picture.convert("L").histogram(),
    }
    black = [picture.width * picture.height] + [0] * 255
    assert found["edited"] == dict.fromkeys(found["original"], black)


@pytest.mark.parametrize("endpoint", ["/transform", "/histogram"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"brightness": "bright"}, "brightness is 'bright'; expected a number from 0 to 3"),
        ({"colour": -1}, "colour is -1; expected a number from 0 to 3"),
        ({"contrast": 1e300}, r"contrast is 1e\+300; expected a number from 0 to 3"),
        ({"rotation": 360}, "rotation is 360; expected a number from -180 to 180"),
        ({"flip": "left"}, "No flip is called 'left'; valid: none, horizontal, vertical"),
        ({"image": "nothing.jpg"}, "No picture is called 'nothing.jpg'"),
    ],
)
def test_edits_that_cannot_be_made_get_a_sentence(
    server: Server, endpoint: str, values: dict[str, object], message: str
) -> None:
    with pytest.raises(AppError, match=f"^{message}"):
        server.client().predict(**({"image": PICTURES[0]} | values), api_name=endpoint)


def assert_it_still_answers(server: Server) -> None:
    event = server.call("classify", [PICTURES[0], DEFAULT]).json()["event_id"]
    kind, data = server.result("classify", event)
    assert kind == "complete"
    assert json.loads(data)[0]["image"] == PICTURES[0]
