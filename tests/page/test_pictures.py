"""Pictures of one's own, edited ones, what is taken away and linked to, in a real browser."""

import base64
import csv
import io
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from gradio_client import handle_file
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from classifier.pictures.decoding import decode
from classifier.pictures.edits import Edits
from tests.support.browsing import (
    DISPLAYS,
    PHONE,
    PICTURES,
    WIDE,
    contrast,
    display,
    labels,
    opened,
)
from tests.support.server import DEFAULT, PROJECT, Server

OWN = PROJECT / "images" / "teapot.jpg"
DROP = """([selector, content]) => {
    const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "dropped.jpg", {type: "image/jpeg"}));
    for (const kind of ["dragenter", "dragover", "drop"])
        document.querySelector(selector).dispatchEvent(
            new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
}"""
COPY = """async (content) => {
    const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
    const blob = new Blob([bytes], {type: "image/png"});
    await navigator.clipboard.write([new ClipboardItem({"image/png": blob})]);
}"""


def classified(page: Page) -> list[str]:
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("table.answer tbody tr")).to_have_count(5)
    return labels(page)


def give(page: Page, file: Path) -> None:
    """Chooses a file of one's own, in the place of the picture that is there."""
    page.get_by_label("Remove Image").click()
    page.locator("#preview input[type=file]").set_input_files(file)


def answer(server: Server, image: object, endpoint: str = "/classify_upload") -> list[str]:
    record = server.client().predict(image, DEFAULT, api_name=endpoint)
    return [guess["label"] for guess in record["predictions"]]


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_a_chosen_file_is_classified_as_a_program_would(browser: Browser, server: Server) -> None:
    with opened(browser, server, PHONE) as page:
        give(page, OWN)
        expect(page.locator("#preview img")).to_have_attribute("src", re.compile("/teapot.jpg$"))
        expect(page.get_by_label("Picture", exact=True)).to_have_value("")
        expect(page.get_by_label("Picture", exact=True)).to_have_attribute("placeholder", OWN.name)
        expect(page.locator(".thumbnails input:checked")).to_have_count(0)

        assert classified(page) == answer(server, handle_file(OWN))
        expect(page.locator("table.answer caption")).to_contain_text("teapot.jpg")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]

        # A picture of the gallery takes its place again.
        page.get_by_role("radio", name=PICTURES[1]).check()
        expect(page.locator("#preview img")).to_have_attribute("src", re.compile(PICTURES[1]))
        expect(page.get_by_label("Picture", exact=True)).to_have_attribute("placeholder", "")
        assert classified(page) == answer(server, PICTURES[1], "/classify")


def test_a_dropped_picture_replaces_the_one_that_is_there(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        page.evaluate(DROP, ["#preview img", encoded(OWN.read_bytes())])
        expect(page.locator("#preview img")).to_have_attribute("src", re.compile("dropped.jpg$"))

        assert classified(page) == answer(server, handle_file(OWN))
        expect(page.locator("table.answer caption")).to_contain_text("dropped.jpg")


def test_a_pasted_picture_is_classified(browser: Browser, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "copied.png"
    Image.open(OWN).save(file)
    with opened(browser, server) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.evaluate(COPY, encoded(file.read_bytes()))
        page.get_by_label("Paste from clipboard").click()
        expect(page.locator("#preview img")).to_have_attribute("src", re.compile("clipboard.png$"))

        assert classified(page) == answer(server, handle_file(file))


def test_the_camera_is_a_source(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        page.context.grant_permissions(["camera"])
        page.get_by_label("Remove Image").click()
        page.get_by_label("Capture from camera").click()
        page.get_by_text("Click to Access Webcam").click()
        # The first frames of a camera are black.
        page.wait_for_function("document.querySelector('#preview video').currentTime > 1")
        page.get_by_label("capture photo").click()
        expect(page.locator("#preview img")).to_be_visible()

        assert len(classified(page)) == 5
        address = str(page.locator("#preview img").get_attribute("src"))
        with Image.open(io.BytesIO(httpx.get(address).content)) as photo:
            assert photo.width > 100
            # The browser's own test picture is green.
            red, green, blue = photo.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
            assert green > red + 50
            assert green > blue + 50


def test_a_picture_that_browsers_cannot_show_is_shown(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "scan.tif"
    Image.open(OWN).resize((300, 200)).save(file)
    with opened(browser, server) as page:
        give(page, file)
        expect(page.locator("#preview img")).to_have_js_property("naturalWidth", 300)

        assert classified(page) == answer(server, handle_file(file))
        expect(page.locator(".how")).to_contain_text("scan.tif ·")


def test_a_picture_is_shown_upright(browser: Browser, server: Server, tmp_path: Path) -> None:
    tag = Image.Exif()
    tag[0x112] = 6  # lies on its side
    file = tmp_path / "side.jpg"
    Image.open(OWN).resize((300, 200)).save(file, exif=tag)
    with opened(browser, server) as page:
        give(page, file)
        expect(page.locator("#preview img")).to_have_js_property("naturalHeight", 300)
        page.get_by_role("tab", name="Edit").click()
        original = page.get_by_alt_text("Original picture")
        expect(original).to_have_js_property("naturalHeight", 300)


def test_a_file_that_is_no_picture_is_told_at_once(
    browser: Browser, server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "letter.png"
    file.write_text("no picture")
    with opened(browser, server) as page:
        give(page, file)
        toast = page.get_by_test_id("toast-body")
        expect(toast).to_contain_text("'letter.png' is not a picture that can be read")
        expect(page.locator("#preview img")).to_have_count(0)
        page.get_by_role("button", name="Classify").click()
        expect(toast).to_contain_text(
            "There is no picture yet. Choose one from the gallery, or upload your own."
        )

        page.get_by_role("radio", name=PICTURES[1]).check()
        assert classified(page)


def slide(page: Page, name: str, value: float) -> None:
    page.get_by_role("slider", name=name).fill(str(value))


def test_the_edited_picture_is_the_one_that_is_classified(browser: Browser, server: Server) -> None:
    edits = Edits(colour=0.2, brightness=1.6, rotation=40, flip="vertical")
    transformed = server.client().predict(PICTURES[0], **edits.values(), api_name="/transform")
    with opened(browser, server) as page:
        page.get_by_role("tab", name="Edit").click()
        expect(page.get_by_text("No edits yet")).to_be_visible()
        slide(page, "Colour", edits.colour)
        slide(page, "Brightness", edits.brightness)
        slide(page, "Rotation", edits.rotation)
        page.get_by_label("Flip").select_option(edits.flip)
        expect(
            page.get_by_text(f"Edited: {edits}. The model classifies this picture")
        ).to_be_visible()

        # Side by side, the one as it was and the other as a program gets it.
        shown = [picture(page, f"{which} picture") for which in ("Original", "Edited")]
        assert difference(shown[0], decode(PROJECT / "images" / PICTURES[0], "")) < 4
        assert difference(shown[1], decode(Path(transformed), "")) < 4
        boxes = [page.get_by_alt_text(f"{which} picture") for which in ("Original", "Edited")]
        for size in (PHONE, WIDE):
            display(page, size, "light")
            left, right = (box.bounding_box() for box in boxes)
            assert left
            assert right
            assert left["x"] + left["width"] <= right["x"]
            assert left["y"] == right["y"]
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]

        assert classified(page) == answer(server, handle_file(transformed))
        expect(page.get_by_role("tab", name="Answer")).to_have_attribute("aria-selected", "true")
        expect(page.locator(".how")).to_contain_text(f"{PICTURES[0]} ({edits})")

        page.get_by_role("tab", name="Edit").click()
        page.get_by_role("button", name="Reset").click()
        expect(page.get_by_text("No edits yet")).to_be_visible()
        expect(page.get_by_role("slider", name="Brightness")).to_have_value("1")
        assert classified(page) == answer(server, PICTURES[0], "/classify")
        expect(page.locator(".how")).not_to_contain_text("brightness")


def picture(page: Page, name: str) -> Image.Image:
    """The picture of that alternative text, as the page got it."""
    address = str(page.get_by_alt_text(name).get_attribute("src"))
    content = base64.b64decode(address.split(",", 1)[1])
    return Image.open(io.BytesIO(content)).convert("RGB")


def difference(shown: Image.Image, expected: Image.Image) -> float:
    """How far the values of two pictures lie apart on average, in 0-255."""
    size = (64, 64)
    pairs = zip(shown.resize(size).tobytes(), expected.resize(size).tobytes(), strict=True)
    return sum(abs(one - other) for one, other in pairs) / (3 * 64 * 64)


def test_edits_follow_another_picture(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        page.get_by_role("tab", name="Edit").click()
        expect(page.get_by_alt_text("Original picture")).to_be_visible()
        page.get_by_role("radio", name=PICTURES[1]).check()
        expected = decode(PROJECT / "images" / PICTURES[1], "")
        other = picture(page, "Original picture")
        expect(page.locator("#preview img")).to_have_attribute("src", re.compile(PICTURES[1]))
        for _ in range(100):
            if difference(other, expected) < 4:
                break
            page.wait_for_timeout(100)
            other = picture(page, "Original picture")
        assert difference(other, expected) < 4


def test_the_histograms_are_drawn_and_can_be_read(browser: Browser, server: Server) -> None:
    counts = server.client().predict(PICTURES[0], brightness=0.5, api_name="/histogram")
    with opened(browser, server) as page:
        page.get_by_role("tab", name="Edit").click()
        slide(page, "Brightness", 0.5)
        expect(page.get_by_text("Edited: brightness × 0.5.")).to_be_visible()

        for which in ("original", "edited"):
            drawing = page.get_by_role("img", name=f"Histogram, {which}")
            means = [
                f"{name} {sum(v * c for v, c in enumerate(values)) / sum(values):.0f}"
                for name, values in counts[which].items()
            ]
            expect(drawing).to_have_attribute(
                "aria-label", f"Histogram, {which}: means of {', '.join(means)}"
            )
            # The highest point of a curve lies over the value that most pixels have.
            for name, values in counts[which].items():
                path = str(drawing.locator(f"path.{name}").get_attribute("d"))
                heights = [float(point.split(",")[1]) for point in path.split(" ")[1:-2]]
                highest = [v for v, height in enumerate(heights) if height == min(heights)]
                assert len(heights) == 256
                assert values.index(max(values)) in highest
        for size, scheme in DISPLAYS:
            display(page, size, scheme)
            for which in ("original", "edited"):
                box = page.get_by_role("img", name=f"Histogram, {which}").bounding_box()
                assert box
                assert box["width"] > 100
                assert box["height"] > 50
            for text in (".both figcaption", ".edited-note", ".edits span", ".means"):
                assert contrast(page, text) >= 4.5, (text, scheme)


def test_sliders_work_by_keyboard(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        page.get_by_role("tab", name="Answer").focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        slider = page.get_by_role("slider", name="Contrast")
        for _ in range(20):
            if page.evaluate("document.activeElement.name") == "contrast":
                break
            page.keyboard.press("Tab")
        expect(slider).to_be_focused()
        for _ in range(4):
            page.keyboard.press("ArrowRight")

        expect(page.get_by_text("Edited: contrast × 1.2.")).to_be_visible()
        expect(slider).to_be_focused()


def download(page: Page, name: str) -> tuple[str, bytes]:
    with page.expect_download() as expected:
        page.locator(".downloads").get_by_text(name, exact=True).click()
    return expected.value.suggested_filename, Path(expected.value.path()).read_bytes()


def test_an_answer_is_taken_away(browser: Browser, server: Server) -> None:
    record = server.client().predict(PICTURES[0], DEFAULT, api_name="/classify")
    stem = Path(PICTURES[0]).stem
    with opened(browser, server, PHONE) as page:
        classified(page)
        assert page.get_by_text("edited picture").count() == 0

        name, content = download(page, "JSON")
        assert name == f"{stem}-{DEFAULT}.json"
        assert json.loads(content)["predictions"] == record["predictions"]

        name, content = download(page, "CSV")
        assert name == f"{stem}-{DEFAULT}.csv"
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
        assert [row["label"] for row in rows] == [g["label"] for g in record["predictions"]]
        assert [float(row["probability"]) for row in rows] == [
            guess["probability"] for guess in record["predictions"]
        ]
        assert {row["picture"] for row in rows} == {PICTURES[0]}

        name, content = download(page, "PNG")
        assert name == f"{stem}-{DEFAULT}.png"
        with Image.open(io.BytesIO(content)) as bars:
            assert bars.format == "PNG"
            found = [bar(bars.convert("RGB"), place) for place in range(5)]
        assert found == pytest.approx(
            [guess["probability"] for guess in record["predictions"]], abs=0.02
        )


def bar(bars: Image.Image, place: int) -> float:
    """How much of a bar is filled, in 0-1, in the middle of its height."""
    y = 190 + place * 92 + 50 + 9
    row = [bars.getpixel((x, y)) for x in range(60, 1140)]
    return sum(colour == (79, 70, 229) for colour in row) / len(row)


def test_the_edited_picture_is_taken_away_by_those_who_made_it(
    browser: Browser, server: Server
) -> None:
    made = []
    with opened(browser, server) as one, opened(browser, server) as other:
        for page, brightness in ((one, 0.5), (other, 1.5)):
            page.get_by_role("tab", name="Edit").click()
            slide(page, "Brightness", brightness)
            expect(page.get_by_text(f"brightness × {brightness}.")).to_be_visible()
        for page in (one, other):
            page.get_by_role("button", name="Classify").click()
        for page, brightness in ((one, 0.5), (other, 1.5)):
            expect(page.locator(".how")).to_contain_text(f"brightness × {brightness}")
            name, content = download(page, "edited picture")
            assert name == f"{Path(PICTURES[0]).stem}-edited.png"
            with Image.open(io.BytesIO(content)) as edited:
                picture = decode(PROJECT / "images" / PICTURES[0], "")
                expected = Edits(brightness=brightness).apply(picture)
                assert edited.tobytes() == expected.tobytes()
            made.append(str(page.get_by_text("edited picture").get_attribute("href")))

    # Each in a place of its own, which nobody can guess.
    places = [Path(address).parent.name for address in made]
    assert places[0] != places[1]
    assert all(re.fullmatch(r"[0-9a-f]{64}", place) for place in places)


def test_an_address_opens_the_page_as_it_was(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        page.get_by_role("radio", name=PICTURES[2]).check()
        page.get_by_role("tab", name="Edit").click()
        slide(page, "Brightness", 0.6)
        page.get_by_label("Flip").select_option("horizontal")
        expect(page.get_by_text("brightness × 0.6, flipped left to right")).to_be_visible()
        query = parse_qs(urlsplit(page.url).query)
        assert query == {
            "picture": [PICTURES[2]],
            "model": [DEFAULT],
            "brightness": ["0.6"],
            "flip": ["horizontal"],
        }
        expected = classified(page)
        linked = str(
            page.get_by_text("link to picture and model", exact=True).get_attribute("href")
        )
        assert parse_qs(linked.removeprefix("?")) == query

        again = page.context.new_page()
        again.goto(f"{server.address}/{linked}")
        expect(again.get_by_label("Picture", exact=True)).to_have_value(PICTURES[2])
        expect(again.locator("#preview img")).to_have_attribute("src", re.compile(PICTURES[2]))
        expect(again.locator(".thumbnails input:checked")).to_have_value(PICTURES[2])
        expect(again.get_by_text("labels of the edited picture")).to_be_visible()
        assert classified(again) == expected
        expect(again.locator(".how")).to_contain_text("brightness × 0.6, flipped left to right")


def test_a_link_is_copied(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        classified(page)
        page.get_by_text("link to picture and model", exact=True).click()
        expect(page.get_by_text("Link copied")).to_be_visible()

        copied = urlsplit(page.evaluate("navigator.clipboard.readText()"))
        assert f"{copied.scheme}://{copied.netloc}" == server.address
        assert parse_qs(copied.query) == {"picture": [PICTURES[0]], "model": [DEFAULT]}


def test_what_an_address_asks_wrongly_is_told_and_the_rest_is_done(
    browser: Browser, server: Server
) -> None:
    with opened(browser, server, PHONE) as page:
        page.goto(
            f"{server.address}/?picture=nothing.jpg&model=<b>&colour=9&contrast=nan&rotation=x"
            "&sharpness=2&__theme=light"
        )
        notice = page.get_by_role("status").filter(
            has_text="The address of this page is only partly valid"
        )
        for sentence in (
            "No picture is called 'nothing.jpg'",
            "No model is called '<b>'",
            "colour is 9.0; expected a number from 0 to 3",
            "contrast is nan; expected a number",
            "rotation is 'x'; expected a number from -180 to 180",
        ):
            expect(notice).to_contain_text(sentence)
        expect(page.get_by_label("Picture", exact=True)).to_have_value(PICTURES[0])
        expect(page.get_by_text("labels of the edited picture")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        assert contrast(page, ".notice") >= 4.5
        assert classified(page)
        expect(page.locator(".how")).to_contain_text(f"{PICTURES[0]} (sharpness × 2)")


def test_whoever_wants_two_dropdowns_notices_nothing(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        expect(page.locator(".notice")).to_have_count(0)
        expect(page.locator("#edited")).to_be_hidden()
        assert urlsplit(page.url).query == ""
        button = page.get_by_role("button", name="Classify").bounding_box()
        assert button
        assert button["y"] + button["height"] < WIDE[1]
