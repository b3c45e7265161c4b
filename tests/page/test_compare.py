"""The tab Compare in a browser."""

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.support.browsing import PHONE, opened
from tests.support.file_server import FileServer
from tests.support.server import Server


def go(page: Page, tab: str) -> None:
    page.get_by_role("tab", name=tab).click()


def test_weights_are_downloaded_only_for_chosen_models(
    browser: Browser, file_server: FileServer, downloading_server: Server
) -> None:
    weights = downloading_server.cache / "weights" / "resnet18.pth"
    weights.unlink(missing_ok=True)  # another test may have fetched it
    before = file_server.requests["/resnet18.pth"]
    with opened(browser, downloading_server, PHONE) as page:
        go(page, "Compare")
        box = page.get_by_label("resnet18 (download 45 MB)")
        expect(box).not_to_be_checked()
        expect(page.get_by_label("tiny", exact=True)).to_be_checked()
        start = page.get_by_role("button", name="Compare", exact=True)
        start.click()
        rows = page.locator("table.comparison tbody tr")
        expect(rows).to_have_count(1)
        expect(rows.first).to_contain_text(re.compile(r"tiny.*[\d.]+ %.*5 MB", re.DOTALL))
        assert file_server.requests["/resnet18.pth"] == before

        box.check()
        start.click()
        expect(rows.nth(1)).to_contain_text(re.compile(r"downloading, \d+%"))
        expect(rows.nth(1)).to_contain_text(re.compile(r"[\d.]+ %.*45 MB", re.DOTALL))
        expect(page.locator(".verdict")).to_contain_text("All 2 models predict different labels.")
        expect(page.locator("#comparison")).to_contain_text(
            "tiny has only 200 labels and cannot predict"
        )
        expect(page.get_by_label("resnet18", exact=True)).to_be_checked()
        assert file_server.requests["/resnet18.pth"] == before + 1
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]


def test_a_stopped_comparison_keeps_its_results(
    browser: Browser, file_server: FileServer, downloading_server: Server, tmp_path: Path
) -> None:
    (downloading_server.cache / "weights" / "resnet18.pth").unlink(missing_ok=True)
    with opened(browser, downloading_server) as page:
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
