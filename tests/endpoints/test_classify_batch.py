"""Many pictures at once: through the station itself, gradio_client, and a real browser."""

import asyncio
import csv
import io
import time
import zipfile
from collections import Counter
from concurrent.futures import Future
from pathlib import Path

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, Page, expect

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
from tests.support.browsing import PHONE, PICTURES, WIDE, contrast, opened
from tests.support.picture_files import encode, save, scene
from tests.support.server import PROJECT, Server, run
from tests.support.small_models import small

HOSTILE = "<img src=x onerror=alert(1)>.jpg"


class Counting(Classifier):
    """Knows how many pictures were with it at once, and which came in which order."""

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
        time.sleep(0.01)  # as long as a larger model takes, or about that
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
    low_priority = LowPriority(classifier, 2)
    services = Services(AsyncClassifier(classifier), low_priority, uploads, PictureEditor(), 2)
    return ClassifyBatch(services)


def test_a_pile_has_no_more_pictures_with_the_classifier_than_its_places(
    classifier: Counting, many: ClassifyBatch
) -> None:
    async def two() -> list[int]:
        async def one() -> int:
            told = [part async for part in many.classify_batch(["a.png"] * 30, "small")]
            return len(told[-1]["rows"])

        return list(await asyncio.gather(one(), one()))

    assert run(two()) == [30, 30]
    # One leaves the classifier a moment before that is noticed.
    assert classifier.most == 2


def test_a_single_question_goes_past_a_pile(classifier: Counting, many: ClassifyBatch) -> None:
    async def ask() -> int:
        pile = many.classify_batch(["a.png"] * 100, "small")
        while not (await anext(pile))["rows"]:
            pass
        before = len(classifier.order)
        path = classifier.gallery.path("a.png")
        single = classifier.submit(path, "single", classifier.model("small"))
        await asyncio.wrap_future(single)
        between = len(classifier.order) - before - 1
        await pile.aclose()
        return between

    # Two were with the classifier, and as many may come while one of them ends.
    assert run(ask()) <= 4


def test_who_stops_listening_stops_the_work(classifier: Counting, many: ClassifyBatch) -> None:
    async def listen() -> int:
        pile = many.classify_batch(["a.png"] * 500, "small")
        while not (await anext(pile))["rows"]:
            pass
        await pile.aclose()
        done = len(classifier.order)
        await asyncio.sleep(0.3)
        assert len(classifier.order) == done
        return done

    assert run(listen()) < 500


def archive(file: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w") as opened_file:
        for name, content in members.items():
            opened_file.writestr(name, content)
    return file


def test_files_zips_and_pictures_of_the_gallery_get_a_row_each(
    server: Server, tmp_path: Path
) -> None:
    client = server.client()
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture")
    first, second = (PROJECT / "images" / name for name in PICTURES[:2])
    packed = archive(tmp_path / "a.zip", {f"../{second.name}": second.read_bytes()})
    record = client.predict(
        [handle_file(first), handle_file(bad), handle_file(packed), second.name],
        "tiny",
        api_name="/classify_batch",
    )

    assert record["model"] == "tiny"
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
        alone = client.predict(name, "tiny", api_name="/classify")
        assert row["predictions"] == alone["predictions"]
    firsts = [row["predictions"][0]["label"] for row in rows if "predictions" in row]
    assert record["labels"] == dict(Counter(firsts))


def test_rows_are_told_as_they_come_and_a_pile_can_be_cancelled(server: Server) -> None:
    job = server.client().submit(PICTURES * 35, "tiny", api_name="/classify_batch")
    counts = []
    for part in job:
        counts.append(len(part["rows"]))
        if counts[-1]:
            break
    assert 0 < counts[-1] < 980
    job.cancel()
    assert server.client().predict(PICTURES[0], "tiny", api_name="/classify")["model"] == "tiny"


@pytest.mark.parametrize(
    ("files", "model", "message"),
    [
        ([], "tiny", "No pictures were given; expected files"),
        (5, "tiny", "The files are 5; expected a list of files."),
        (["x.jpg"], "tiny", "No picture is called 'x.jpg'"),
        ([{"path": "/etc/passwd"}], "tiny", "There is no uploaded file 'passwd'"),
        ([PICTURES[0]] * 1001, "tiny", "A batch can have at most 1,000 pictures"),
        ([PICTURES[0]], "x", "No model is called 'x'"),
    ],
)
def test_a_bad_pile_gets_a_sentence(
    server: Server, files: object, model: str, message: str
) -> None:
    with pytest.raises(AppError) as raised:
        server.client().predict(files, model, api_name="/classify_batch")
    assert str(raised.value).startswith(message)


@pytest.fixture(scope="module")
def pile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More pictures than are done in a moment."""
    picture = encode(scene(80, 60), "JPEG")
    folder = tmp_path_factory.mktemp("pile")
    return archive(folder / "pile.zip", {f"{number:03}.jpg": picture for number in range(900)})


def start(page: Page, *files: Path) -> None:
    page.get_by_role("tab", name="Many").click()
    page.locator("#files input[type=file]").set_input_files(files)
    expect(page.locator("#files .file-preview tr")).to_have_count(len(files))
    page.get_by_role("button", name="Start").click()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_table_shows_what_each_picture_is(
    browser: Browser, server: Server, tmp_path: Path, size: tuple[int, int]
) -> None:
    teapot = (PROJECT / "images" / PICTURES[0]).read_bytes()
    members = {HOSTILE: teapot, "=1+1.jpg": teapot, "bad.jpg": b"no picture"}
    record = server.client().predict(PICTURES[0], "tiny", api_name="/classify")
    first = record["predictions"][0]
    with opened(browser, server, size) as page:
        start(page, PROJECT / "images" / PICTURES[1], archive(tmp_path / "a.zip", members))
        expect(page.locator(".batch .state")).to_contain_text("4 pictures in")
        expect(page.locator(".batch .state")).to_contain_text("1 could not be read")

        rows = page.locator(".batch tbody tr")
        names = [PICTURES[1], HOSTILE, "=1+1.jpg", "bad.jpg"]
        assert rows.locator("th").all_inner_texts() == names
        shown = rows.nth(1).locator("td").all_inner_texts()
        assert shown[1:] == [first["label"], f"{first['probability'] * 100:.1f} %"]
        assert "is not a picture that can be read" in rows.nth(3).inner_text()
        assert (
            rows.locator("img").evaluate_all("all => all.map(img => img.naturalWidth)") == [40] * 3
        )
        assert f"{first['label']} 2" in page.locator(".batch .counts").inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        for text in (".batch .state", ".batch thead th:nth-child(2)", ".batch td.error"):
            assert contrast(page, text) >= 4.5, text

        with page.expect_download() as download:
            page.get_by_role("button", name="Download CSV").click()
        assert download.value.suggested_filename == "pictures-tiny.csv"
        table = list(csv.reader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
        assert [line[0] for line in table] == [
            "image",
            PICTURES[1],
            HOSTILE,
            "'=1+1.jpg",
            "bad.jpg",
        ]
        assert table[2][1:3] == [first["label"], str(first["probability"])]
        assert table[4][1:-1] == [""] * 10
        assert table[4][-1].startswith("'bad.jpg' is not")


def test_what_is_done_stays_when_a_pile_is_stopped(
    browser: Browser, server: Server, pile: Path
) -> None:
    with opened(browser, server) as page:
        start(page, pile)
        expect(page.locator(".batch tbody tr").first).to_be_visible()
        expect(page.locator(".batch .state")).to_contain_text("left")
        page.get_by_role("button", name="Stop").locator("visible=true").click()
        state = page.locator(".batch .state")
        expect(state).to_contain_text("of 900 pictures")
        expect(state).to_contain_text("Stopped after")
        done = page.locator(".batch tbody tr").count()
        assert 0 < done < 900
        assert f"Stopped after {done} of" in state.inner_text()

        page.wait_for_timeout(1500)
        assert page.locator(".batch tbody tr").count() == done
        expect(page.get_by_test_id("toast-body")).to_have_count(0)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download CSV").click()
        assert len(download.value.path().read_text().splitlines()) == done + 1


def test_what_is_sent_grows_with_the_pile_and_no_faster(
    browser: Browser, server: Server, pile: Path
) -> None:
    with opened(browser, server) as page:
        sent = []
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.dataReceived", lambda event: sent.append(event["dataLength"]))
        start(page, pile)
        expect(page.locator(".batch .state")).to_contain_text("900 pictures in", timeout=90_000)
        rows = page.locator(".batch tbody").evaluate(
            "body => [...body.rows].reduce((sum, row) => sum + row.innerHTML.length, 0)"
        )

    # Each row once as it comes and once more in the end, which is how Gradio ends a job.
    assert sum(sent) < 4 * rows + 1_000_000


def test_a_start_without_pictures_is_met_with_what_is_expected(
    browser: Browser, server: Server
) -> None:
    with opened(browser, server) as page:
        page.get_by_role("tab", name="Many").click()
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_test_id("toast-body")).to_contain_text(
            "No pictures were given; expected"
        )


def test_more_files_than_are_taken_are_not_looked_for(server: Server) -> None:
    event = server.call("classify_batch", [["nothing.jpg"] * 1001, "tiny"]).json()["event_id"]
    kind, text = server.result("classify_batch", event)

    assert kind == "error"
    assert "A batch can have at most 1,000 pictures" in text
