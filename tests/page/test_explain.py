"""The tab Explain in a browser."""

import io
import re

from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browsing import DISPLAYS, contrast, display, opened
from tests.support.server import PROJECT, Server

BARN = PROJECT / "images" / "barn.jpg"


def explained(page: Page, picture: str = "barn.jpg") -> Locator:
    """Explains a picture, and returns the picture with its heatmap."""
    page.locator(f".thumbnails input[value='{picture}']").check()
    expect(page.locator("#preview img")).to_have_attribute("src", re.compile(picture))
    page.get_by_role("tab", name="Explain").click()
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".explanation .labels label")).to_have_count(5, timeout=60_000)
    return page.locator(".looked")


def seen(looked: Locator) -> Image.Image:
    """Returns a screenshot of the picture with its heatmap."""
    return Image.open(io.BytesIO(looked.screenshot())).convert("RGB")


def test_the_page_shows_the_heatmap_of_each_label(browser: Browser, server: Server) -> None:
    with opened(browser, server, path="?model=tiny") as page:
        expect(page.get_by_label("Model", exact=True)).to_have_value("tiny")
        looked = explained(page)
        assert page.locator(".explanation .labels label").all_inner_texts()[1].split() == [
            "beacon",
            "1.6",
            "%",
        ]
        expect(looked.locator(".heat:visible")).to_have_count(1)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))

        slider = page.locator(".explanation input[type=range]")
        slider.fill("0")
        plain = seen(looked)
        with Image.open(BARN) as file:
            expected = file.convert("RGB").resize(plain.size)
        assert max(ImageStat.Stat(ImageChops.difference(plain, expected)).mean) < 8

        slider.fill("1")
        barn = seen(looked).convert("L")
        page.locator(".explanation .labels label").nth(1).click()
        expect(looked.locator(".heat:visible")).to_have_attribute("alt", "Support for beacon")
        beacon = seen(looked).convert("L")
        width, height = beacon.size
        silo = (int(0.82 * width), int(0.25 * height), int(0.96 * width), int(0.55 * height))
        inner = beacon.crop((10, 10, width - 10, height - 10))  # its corners are rounded
        place = inner.tobytes().index(max(inner.tobytes()))
        assert silo[0] <= 10 + place % inner.width <= silo[2]
        assert silo[1] <= 10 + place // inner.width <= silo[3]
        assert (
            ImageStat.Stat(beacon.crop(silo)).mean[0] > ImageStat.Stat(barn.crop(silo)).mean[0] + 50
        )
        assert not [url for url in asked if "gradio_api" in url]


def test_a_new_picture_removes_the_heatmap(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        explained(page)
        page.locator(".thumbnails label").nth(1).click()

        expect(page.locator(".explanation")).to_have_count(0)
        expect(page.get_by_text("Press Explain")).to_be_visible()


def test_the_heatmap_fits_the_screen_and_is_readable(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        picture = explained(page)
        for size, scheme in DISPLAYS:
            display(page, size, scheme)
            box = picture.bounding_box()
            assert box
            assert box["width"] > 200
            assert box["x"] + box["width"] <= size[0]
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
            for text in [".labels label span", ".strength span", ".colours span", ".meaning"]:
                assert contrast(page, f".explanation {text}") >= 4.5, (text, scheme)


def test_an_explanation_can_be_cancelled(browser: Browser, slow_server: Server) -> None:
    with opened(browser, slow_server) as page:
        page.get_by_role("tab", name="Explain").click()
        page.get_by_role("button", name="Explain").click()
        expect(page.locator("#explanation")).to_contain_text("processing")
        page.get_by_role("button", name="Cancel").nth(1).click()  # the first is Classify's

        expect(page.locator("#explanation")).not_to_contain_text("processing")
        page.wait_for_timeout(1500)  # longer than the job is held
        expect(page.locator(".explanation")).to_have_count(0)
