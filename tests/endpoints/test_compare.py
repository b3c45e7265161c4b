"""Models compared, listed, measured and fetched: gradio_client and a real browser."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, Page, expect

from classifier.models.catalogue import load
from classifier.settings import MODELS
from tests.support.browsing import PHONE, PICTURES, WIDE, contrast, opened
from tests.support.file_server import FileServer, serving
from tests.support.server import PROJECT, Server, serve


@pytest.fixture(scope="module")
def files() -> Iterator[FileServer]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def elsewhere(
    files: FileServer, weights: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """The app with three models, the weights of resnet18 at another address for both others."""
    files.files, files.pause = {"/resnet18.pth": weights}, 0.2
    digest = hashlib.sha256(weights).hexdigest()[:8]
    command = ("-m", "tests.support.app_with_local_weights", files.address("/resnet18.pth"), digest)
    folder = tmp_path_factory.mktemp("elsewhere")
    with serve(folder, command=command, CLASSIFIER_MODELS="tiny,resnet18,alexnet") as server:
        yield server


def go(page: Page, tab: str) -> None:
    page.get_by_role("tab", name=tab).click()


def test_models_are_listed_with_what_is_known_and_measured(server: Server) -> None:
    client = server.client()
    client.predict(PICTURES[0], "tiny", api_name="/classify")
    models = client.predict(api_name="/models")

    assert [model["name"] for model in models] == list(MODELS)
    for model, known in zip(models, load(MODELS).values(), strict=True):
        assert model["parameters"] == known.parameters
        assert model["labels"] == len(known.labels)
        assert model["gigaflops"] == pytest.approx(known.gigaflops, abs=0.001)
        assert model["accuracy"] == pytest.approx(known.accuracy, abs=1e-5)
        assert model["fetched"] is (model["name"] == "tiny")
        # Nothing is made up: no time without an answer.
        assert (model["seconds"] is None) is (model["name"] != "tiny")
    assert 0 < models[0]["seconds"] < 10


def test_the_table_is_sorted_and_the_plot_fills_when_models_are_measured(
    browser: Browser, server: Server
) -> None:
    with opened(browser, server) as page:
        go(page, "Models")
        names = page.locator(".models tbody th")
        expect(names).to_have_count(len(MODELS))
        assert names.all_inner_texts() == list(MODELS)
        known = load(MODELS)
        for column, value in (("Accuracy", "accuracy"), ("Parameters", "parameters")):
            head = page.locator(".models thead").get_by_role("button", name=column)
            ordered = sorted(MODELS, key=lambda name: getattr(known[name], value))
            head.click()
            assert names.all_inner_texts() == ordered
            head.click()
            assert names.all_inner_texts() == ordered[::-1]

        page.get_by_role("button", name="Measure").click()
        point = page.locator(".scatter circle")
        expect(point).to_have_class("apart")  # tiny, which is not comparable
        expect(page.get_by_role("button", name="Stop").locator("visible=true")).to_be_disabled()
        tiny = page.get_by_role("rowheader", name="tiny", exact=True)
        row = page.locator(".models tbody tr").filter(has=tiny).inner_text()
        assert re.search(r"51\.2 %○\s+[\d.]+ m?s\s+ready", row)
        assert page.locator(".models tbody td:nth-child(6)").all_inner_texts().count("–") == 9
        expect(page.locator(".models")).to_contain_text(
            "200 labels and 64 pixels. This is not comparable"
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_models_fit_the_screen_and_can_be_read(
    browser: Browser, server: Server, size: tuple[int, int], scheme: str
) -> None:
    server.client().predict(PICTURES[0], "tiny", api_name="/classify")
    with opened(browser, server, size, scheme) as page:
        go(page, "Models")
        expect(page.locator(".scatter circle")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        fetch = page.get_by_role("button", name="Download alexnet").bounding_box()
        assert fetch
        assert fetch["x"] + fetch["width"] <= size[0]
        for text in (".models thead button", ".models tbody th", ".models .state", ".models .how"):
            assert contrast(page, text) >= 4.5, text


def test_models_are_compared_and_one_that_fails_harms_no_other(elsewhere: Server) -> None:
    client = elsewhere.client()
    picture = handle_file(PROJECT / "images" / PICTURES[0])
    record = client.predict(picture, ["tiny", "alexnet", "tiny"], api_name="/compare")

    assert record["image"] == PICTURES[0]
    tiny, alexnet = record["answers"]
    alone = client.predict(PICTURES[0], "tiny", api_name="/classify")
    assert tiny["predictions"] == alone["predictions"]
    assert (tiny["model"], tiny["labels"], tiny["megabytes"]) == ("tiny", 200, 5.5)
    assert tiny["seconds"] > 0
    assert alexnet["error"].startswith("The weights of alexnet in")
    assert record["agreement"] is None


@pytest.mark.parametrize(
    ("image", "models", "message"),
    [
        (PICTURES[0], [], "The models are []; expected a list of at least one name."),
        (PICTURES[0], "tiny", "The models are 'tiny'; expected a list"),
        (PICTURES[0], ["tiny", "x"], "No model is called 'x'; valid: tiny"),
        ("x.jpg", ["tiny"], "No picture is called 'x.jpg'"),
        ({"path": "/etc/passwd"}, ["tiny"], "There is no uploaded file 'passwd'"),
    ],
)
def test_a_bad_comparison_gets_a_sentence(
    server: Server, image: object, models: object, message: str
) -> None:
    with pytest.raises(AppError) as raised:
        server.client().predict(image, models, api_name="/compare")
    assert str(raised.value).startswith(message)


def test_a_model_that_is_not_here_is_fetched_only_when_asked_for(
    browser: Browser, files: FileServer, elsewhere: Server
) -> None:
    weights = elsewhere.cache / "weights" / "resnet18.pth"
    weights.unlink(missing_ok=True)  # another test may have fetched it
    before = files.requests["/resnet18.pth"]
    with opened(browser, elsewhere, PHONE) as page:
        go(page, "Compare")
        box = page.get_by_label("resnet18 (download 45 MB)")
        expect(box).not_to_be_checked()
        expect(page.get_by_label("tiny", exact=True)).to_be_checked()
        start = page.get_by_role("button", name="Compare", exact=True)
        start.click()
        rows = page.locator("table.comparison tbody tr")
        expect(rows).to_have_count(1)
        expect(rows.first).to_contain_text(re.compile(r"tiny.*[\d.]+ %.*5 MB", re.DOTALL))
        assert files.requests["/resnet18.pth"] == before

        box.check()
        start.click()
        expect(rows.nth(1)).to_contain_text(re.compile(r"downloading, \d+%"))
        expect(rows.nth(1)).to_contain_text(re.compile(r"[\d.]+ %.*45 MB", re.DOTALL))
        expect(page.locator(".verdict")).to_contain_text("All 2 models predict different labels.")
        expect(page.locator("#comparison")).to_contain_text(
            "tiny has only 200 labels and cannot predict"
        )
        expect(page.get_by_label("resnet18", exact=True)).to_be_checked()
        assert files.requests["/resnet18.pth"] == before + 1
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_a_model_is_fetched_from_the_table(browser: Browser, elsewhere: Server) -> None:
    (elsewhere.cache / "weights" / "resnet18.pth").unlink(missing_ok=True)
    with opened(browser, elsewhere) as page:
        go(page, "Models")
        page.get_by_role("button", name="Download resnet18").click()
        expect(page.locator("#models")).to_contain_text("Downloading resnet18, 45 MB")
        row = page.locator(".models tbody tr", has_text="resnet18")
        expect(row.locator(".state")).to_have_text("ready")
        expect(page.get_by_role("button", name="Stop").locator("visible=true")).to_be_disabled()


def test_a_comparison_that_is_stopped_keeps_what_is_done(
    browser: Browser, files: FileServer, elsewhere: Server, tmp_path: Path
) -> None:
    (elsewhere.cache / "weights" / "resnet18.pth").unlink(missing_ok=True)
    with opened(browser, elsewhere) as page:
        go(page, "Compare")
        page.get_by_label("resnet18 (download 45 MB)").check()
        page.get_by_role("button", name="Compare", exact=True).click()
        rows = page.locator("table.comparison tbody tr")
        expect(rows.nth(1)).to_contain_text("downloading")
        expect(rows.first).to_contain_text("%")
        page.get_by_role("button", name="Stop").locator("visible=true").click()
        page.wait_for_timeout(500)
        expect(rows.first).to_contain_text("%")
        expect(page.get_by_test_id("toast-body")).to_have_count(0)
