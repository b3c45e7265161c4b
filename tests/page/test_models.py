"""The tab Models in a browser."""

import re

from playwright.sync_api import Browser, Page, expect

from classifier.models.catalogue import load
from classifier.settings import MODELS
from tests.support.browsing import DISPLAYS, PICTURES, contrast, display, opened
from tests.support.server import DEFAULT, Server


def go(page: Page, tab: str) -> None:
    page.get_by_role("tab", name=tab).click()


def test_the_table_can_be_sorted_and_measuring_fills_the_plot(
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

        # Published accuracies are there from the start, and times appear as they are measured.
        published, measured = (page.locator(".scatter").nth(number) for number in range(2))
        expect(published.locator("circle")).to_have_count(len(MODELS))
        page.get_by_role("button", name="Measure").click()
        expect(measured.locator("circle")).to_have_count(2)
        expect(measured.locator("circle.apart")).to_have_count(1)  # tiny is not comparable
        expect(page.get_by_role("button", name="Stop").locator("visible=true")).to_be_disabled()
        tiny = page.get_by_role("rowheader", name="tiny", exact=True)
        row = page.locator(".models tbody tr").filter(has=tiny).inner_text()
        assert re.search(r"51\.2 %○\s+[\d.]+ m?s\s+ready", row)
        assert (
            page.locator(".models tbody td:nth-child(6)").all_inner_texts().count("–")
            == len(MODELS) - 2
        )
        expect(page.locator(".models")).to_contain_text(
            "200 labels and 64 pixels. This is not comparable"
        )


def test_the_table_fits_the_screen_and_is_readable(browser: Browser, server: Server) -> None:
    server.client().predict(PICTURES[0], DEFAULT, api_name="/classify")
    with opened(browser, server) as page:
        go(page, "Models")
        expect(page.locator(".scatter circle").first).to_be_visible()
        for size, scheme in DISPLAYS:
            display(page, size, scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
            button = page.get_by_role("button", name="Download alexnet").bounding_box()
            assert button
            assert button["x"] + button["width"] <= size[0]
            for text in (".models thead button", ".models tbody th", ".models .state"):
                assert contrast(page, text) >= 4.5, (text, scheme)
            assert contrast(page, ".models .how") >= 4.5, scheme


def test_a_button_in_the_table_downloads_weights(
    browser: Browser, downloading_server: Server
) -> None:
    (downloading_server.cache / "weights" / "resnet18.pth").unlink(missing_ok=True)
    with opened(browser, downloading_server) as page:
        go(page, "Models")
        page.get_by_role("button", name="Download resnet18").click()
        expect(page.locator("#models")).to_contain_text("Downloading resnet18, 45 MB")
        row = page.locator(".models tbody tr", has_text="resnet18")
        expect(row.locator(".state")).to_have_text("ready")
        expect(page.get_by_role("button", name="Stop").locator("visible=true")).to_be_disabled()
