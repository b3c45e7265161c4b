"""The endpoint /classify_batch: called directly, and through gradio_client."""

import asyncio
import time
from collections import Counter
from concurrent.futures import Future
from pathlib import Path

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError

from classifier.endpoints.classify_batch import ClassifyBatch
from classifier.endpoints.services import Services
from classifier.inference.async_classifier import AsyncClassifier
from classifier.inference.classifier import Classifier
from classifier.inference.engine import Engine
from classifier.inference.low_priority import LowPriority
from classifier.inference.prediction import Prediction
from classifier.models.model import Model
from classifier.models.weights import WeightsCache
from classifier.pictures.editor import PictureEditor
from classifier.pictures.gallery import Gallery
from classifier.pictures.uploads import Uploads
from tests.support.browsing import PICTURES
from tests.support.picture_files import save, save_zip, scene
from tests.support.server import DEFAULT, PROJECT, Server, run
from tests.support.small_models import small


class Counting(Classifier):
    """Records the order of the pictures, and how many were submitted at the same time."""

    def submit(self, source: Path | bytes, name: str, model: Model) -> "Future[Prediction]":
        self.order = [*getattr(self, "order", []), name]
        self.here = getattr(self, "here", 0) + 1
        self.most = max(getattr(self, "most", 0), self.here)
        future = super().submit(source, name, model)
        future.add_done_callback(self.leave)
        return future

    def leave(self, future: object) -> None:
        self.here -= 1

    def classify(self, source: Path | bytes, name: str, model: Model) -> Prediction:
        time.sleep(0.01)  # about as long as a larger model takes
        return super().classify(source, name, model)


@pytest.fixture
def classifier(tmp_path: Path) -> Counting:
    images = tmp_path / "images"
    images.mkdir()
    save(scene(40, 30), images / "a.png")
    engine = Engine("cpu", WeightsCache(tmp_path), tmp_path / "onnx", threads=1, memory_mb=100)
    return Counting({"small": small(tmp_path)}, engine, Gallery(images), 2, 1)


@pytest.fixture
def many(classifier: Counting, tmp_path: Path) -> ClassifyBatch:
    uploads = Uploads(tmp_path / "uploads", 3600)
    asynchronous = AsyncClassifier.in_process(classifier, 2)
    low_priority = LowPriority(asynchronous)
    services = Services(asynchronous, low_priority, uploads, PictureEditor())
    return ClassifyBatch(services)


def test_batches_share_the_places_of_the_classifier(
    classifier: Counting, many: ClassifyBatch
) -> None:
    async def two() -> list[int]:
        async def one() -> int:
            told = [part async for part in many.classify_batch(["a.png"] * 30, "small")]
            return len(told[-1]["rows"])

        return list(await asyncio.gather(one(), one()))

    assert run(two()) == [30, 30]
    assert classifier.most == 2


def test_a_single_picture_overtakes_a_batch(classifier: Counting, many: ClassifyBatch) -> None:
    async def ask() -> int:
        batch = many.classify_batch(["a.png"] * 100, "small")
        while not (await anext(batch))["rows"]:
            pass
        before = len(classifier.order)
        path = classifier.gallery.path("a.png")
        single = classifier.submit(path, "single", classifier.model("small"))
        await asyncio.wrap_future(single)
        between = len(classifier.order) - before - 1
        await batch.aclose()
        return between

    # Two were submitted before, and two more can be while one of those ends.
    assert run(ask()) <= 4


def test_a_closed_stream_stops_the_batch(classifier: Counting, many: ClassifyBatch) -> None:
    async def read() -> int:
        batch = many.classify_batch(["a.png"] * 500, "small")
        while not (await anext(batch))["rows"]:
            pass
        await batch.aclose()
        done = len(classifier.order)
        await asyncio.sleep(0.3)
        assert len(classifier.order) == done
        return done

    assert run(read()) < 500


def test_each_picture_gets_a_row(server: Server, tmp_path: Path) -> None:
    client = server.client()
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    first, second = (PROJECT / "images" / name for name in PICTURES[:2])
    packed = save_zip(tmp_path / "a.zip", {f"../{second.name}": second.read_bytes()})
    record = client.predict(
        [handle_file(first), handle_file(bad), handle_file(packed), second.name],
        DEFAULT,
        api_name="/classify_batch",
    )

    assert record["model"] == DEFAULT
    assert record["pictures"] == 4
    rows = record["rows"]
    assert [row["image"] for row in rows] == [
        first.name,
        "bad.jpg",
        f"../{second.name}",
        second.name,
    ]
    assert rows[1]["error"].startswith("'bad.jpg' is not a picture that can be read")
    for row, name in ((rows[0], first.name), (rows[2], second.name), (rows[3], second.name)):
        alone = client.predict(name, DEFAULT, api_name="/classify")
        assert row["predictions"] == alone["predictions"]
    firsts = [row["predictions"][0]["label"] for row in rows if "predictions" in row]
    assert record["labels"] == dict(Counter(firsts))


def test_rows_arrive_one_by_one_and_a_batch_can_be_cancelled(server: Server) -> None:
    job = server.client().submit(PICTURES * 35, DEFAULT, api_name="/classify_batch")
    counts = []
    for part in job:
        counts.append(len(part["rows"]))
        if counts[-1]:
            break
    assert 0 < counts[-1] < 980
    job.cancel()
    assert server.client().predict(PICTURES[0], DEFAULT, api_name="/classify")["model"] == DEFAULT


@pytest.mark.parametrize(
    ("files", "model", "message"),
    [
        ([], DEFAULT, "No pictures were given; expected files"),
        (5, DEFAULT, "The files are 5; expected a list of files."),
        (["x.jpg"], DEFAULT, "No picture is called 'x.jpg'"),
        ([{"path": "/etc/passwd"}], DEFAULT, "There is no uploaded file 'passwd'"),
        ([PICTURES[0]] * 1001, DEFAULT, "A batch can have at most 1,000 pictures"),
        ([PICTURES[0]], "x", "No model is called 'x'"),
    ],
)
def test_invalid_batches_are_explained(
    server: Server, files: object, model: str, message: str
) -> None:
    with pytest.raises(AppError) as raised:
        server.client().predict(files, model, api_name="/classify_batch")
    assert str(raised.value).startswith(message)


def test_too_many_files_are_rejected_before_they_are_opened(server: Server) -> None:
    event = server.call("classify_batch", [["nothing.jpg"] * 1001, DEFAULT]).json()["event_id"]
    kind, text = server.result("classify_batch", event)

    assert kind == "error"
    assert "A batch can have at most 1,000 pictures" in text
