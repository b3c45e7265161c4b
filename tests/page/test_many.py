"""The tab Many in a browser."""

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browsing import DISPLAYS, PICTURES, contrast, display, opened
from tests.support.picture_files import encode, save_zip, scene
from tests.support.server import DEFAULT, PROJECT, Server

HOSTILE = "<img src=x onerror=alert(1)>.jpg"


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip archive with so many pictures that classifying them takes a while."""
    picture = encode(scene(80, 60), "JPEG")
    folder = tmp_path_factory.mktemp("batch")
    return save_zip(folder / "batch.zip", {f"{number:03}.jpg": picture for number in range(400)})


def start(page: Page, *files: Path) -> None:
    page.get_by_role("tab", name="Many").click()
    page.locator("#files input[type=file]").set_input_files(files)
    expect(page.locator("#files .file-preview tr")).to_have_count(len(files))
    page.get_by_role("button", name="Start").click()


def test_the_table_shows_a_row_for_each_picture(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    teapot = (PROJECT / "images" / PICTURES[0]).read_bytes()
    members = {HOSTILE: teapot, "=1+1.jpg": teapot, "bad.jpg": b"no picture"}
    record = server.client().predict(PICTURES[0], DEFAULT, api_name="/classify")
    first = record["predictions"][0]
    with opened(browser, server) as page:
        start(page, PROJECT / "images" / PICTURES[1], save_zip(tmp_path / "a.zip", members))
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
        for size, scheme in DISPLAYS:
            display(page, size, scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
            for text in (".batch .state", ".batch thead th:nth-child(2)", ".batch td.error"):
                assert contrast(page, text) >= 4.5, (text, scheme)

        with page.expect_download() as download:
            page.get_by_role("button", name="Download CSV").click()
        assert download.value.suggested_filename == f"pictures-{DEFAULT}.csv"
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


def test_a_stopped_batch_keeps_its_rows(browser: Browser, server: Server, batch: Path) -> None:
    with opened(browser, server) as page:
        start(page, batch)
        expect(page.locator(".batch tbody tr").first).to_be_visible()
        expect(page.locator(".batch .state")).to_contain_text("left")
        page.get_by_role("button", name="Stop").locator("visible=true").click()
        state = page.locator(".batch .state")
        expect(state).to_contain_text("of 400 pictures")
        expect(state).to_contain_text("Stopped after")
        done = page.locator(".batch tbody tr").count()
        assert 0 < done < 400
        assert f"Stopped after {done} of" in state.inner_text()

        page.wait_for_timeout(1500)
        assert page.locator(".batch tbody tr").count() == done
        expect(page.get_by_test_id("toast-body")).to_have_count(0)
        with page.expect_download() as download:
            page.get_by_role("button", name="Download CSV").click()
        assert len(download.value.path().read_text().splitlines()) == done + 1


def test_traffic_grows_linearly_with_the_batch(
    browser: Browser, server: Server, batch: Path
) -> None:
    with opened(browser, server) as page:
        sent = []
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.dataReceived", lambda event: sent.append(event["dataLength"]))
        start(page, batch)
        expect(page.locator(".batch .state")).to_contain_text("400 pictures in", timeout=90_000)
        rows = page.locator(".batch tbody").evaluate(
            "body => [...body.rows].reduce((sum, row) => sum + row.innerHTML.length, 0)"
        )

    # Each row once as it comes and once more in the end, which is how Gradio ends a job.
    assert sum(sent) < 4 * rows + 1_000_000


def test_starting_without_pictures_explains_what_is_expected(
    browser: Browser, server: Server
) -> None:
    with opened(browser, server) as page:
        page.get_by_role("tab", name="Many").click()
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_test_id("toast-body")).to_contain_text(
            "No pictures were given; expected"
        )
