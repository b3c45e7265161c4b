"""Where a model looked, as programs and the page are told by the real server."""

import io
import re

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser, Locator, Page, expect

from tests.support.browsing import PHONE, WIDE, contrast, opened
from tests.support.server import PROJECT, Server

BARN = PROJECT / "images" / "barn.jpg"


def test_a_program_gets_the_answer_and_a_picture_for_each_label(server: Server) -> None:
    client = server.client()
    answer = client.predict("barn.jpg", "tiny", api_name="/classify")

    record = client.predict("barn.jpg", "tiny", api_name="/explain")

    for part in ("model", "image", "predictions"):
        assert record[part] == answer[part]
    assert record["view"] == {"left": 0, "top": 0, "right": 1, "bottom": 1}
    explained = record["explanations"]
    assert [
        {name: part[name] for name in ("label", "probability")} for part in explained
    ] == answer["predictions"]
    pictures = []
    for part in explained:
        assert [len(row) for row in part["map"]] == [16] * 16
        assert max(place for row in part["map"] for place in row) == 1
        with Image.open(part["overlay"]) as opened_file:
            pictures.append(opened_file.convert("L"))
        assert pictures[-1].size == (512, 512)
    # The silo, which the model takes for a beacon, is the brighter for it.
    silo = (420, 130, 490, 280)
    barn, beacon = (ImageStat.Stat(picture.crop(silo)).mean[0] for picture in pictures[:2])
    assert explained[1]["label"] == "beacon"
    assert beacon > barn + 20


def test_a_file_is_explained_as_the_same_picture_of_the_gallery(server: Server) -> None:
    client = server.client()
    named = client.predict("barn.jpg", "tiny", "beacon", api_name="/explain")
    given = client.predict(handle_file(BARN), "tiny", "beacon", api_name="/explain")

    assert given["image"] == "barn.jpg"
    (one,), (other,) = named["explanations"], given["explanations"]
    assert one["map"] == other["map"]
    assert one["label"] == other["label"] == "beacon"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (["nothing.jpg", "tiny", None], "No picture is called 'nothing.jpg'"),
        ([{"path": "/etc/passwd"}, "tiny", None], "There is no uploaded file 'passwd'"),
        (["barn.jpg", "tin", None], "No model is called 'tin'"),
        (["barn.jpg", "tiny", "barns"], "No label of tiny is called 'barns'; the closest"),
        (["barn.jpg", "tiny", ["barn"]], "No label of tiny is called ['barn']"),
        (["barn.jpg", "tiny", 7], "No label of tiny is called 7"),
    ],
)
def test_what_cannot_be_explained_is_told(server: Server, data: list[object], message: str) -> None:
    with pytest.raises(AppError) as raised:
        server.client().predict(*data, api_name="/explain")

    assert str(raised.value).startswith(message)
    assert "Traceback" not in server.log.read_text()


def explained(page: Page, picture: str = "barn.jpg") -> Locator:
    """The picture under its heat, once it is there."""
    page.locator(f".thumbnails input[value='{picture}']").check(force=True)
    expect(page.locator("#preview img")).to_have_attribute("src", re.compile(picture))
    page.get_by_role("tab", name="Explain").click()
    page.get_by_role("button", name="Explain").click()
    expect(page.locator(".explanation .labels label")).to_have_count(5, timeout=60_000)
    return page.locator(".looked")


def seen(looked: Locator) -> Image.Image:
    """What it looks like at this moment."""
    return Image.open(io.BytesIO(looked.screenshot())).convert("RGB")


def test_the_page_shows_where_the_model_looked(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
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


def test_heat_does_not_outlive_its_question(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        explained(page)
        page.locator(".thumbnails label").nth(1).click()

        expect(page.locator(".explanation")).to_have_count(0)
        expect(page.get_by_text("Press Explain")).to_be_visible()


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")])
def test_heat_fits_the_screen_and_can_be_read(
    browser: Browser, server: Server, size: tuple[int, int], scheme: str
) -> None:
    with opened(browser, server, size, scheme) as page:
        box = explained(page).bounding_box()

        assert box
        assert box["width"] > 200
        assert box["x"] + box["width"] <= size[0]
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        for text in [".labels label span", ".strength span", ".colours span", ".meaning"]:
            assert contrast(page, f".explanation {text}") >= 4.5, text


def test_an_explanation_can_be_cancelled(browser: Browser, slow_server: Server) -> None:
    with opened(browser, slow_server) as page:
        page.get_by_role("tab", name="Explain").click()
        page.get_by_role("button", name="Explain").click()
        expect(page.locator("#explanation")).to_contain_text("processing")
        page.get_by_role("button", name="Cancel").nth(1).click()  # the first is Classify's

        expect(page.locator("#explanation")).not_to_contain_text("processing")
        page.wait_for_timeout(1500)  # longer than the job is held
        expect(page.locator(".explanation")).to_have_count(0)
