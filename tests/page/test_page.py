"""The page in a real browser, as someone meets it who has never seen it."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.browsing import DISPLAYS, PHONE, PICTURES, contrast, display, labels, opened
from tests.support.file_server import FileServer, serving
from tests.support.server import DEFAULT, PROJECT, Server, serve

PHOTOS = PROJECT.parent / "shared" / "data" / "photos"


def test_the_first_click_gives_the_five_that_a_program_gets(
    browser: Browser, server: Server
) -> None:
    record = server.client().predict(PICTURES[0], DEFAULT, api_name="/classify")
    with opened(browser, server) as page:
        page.get_by_role("button", name="Classify").click()
        expect(page.locator("table.answer tbody tr")).to_have_count(5)

        assert labels(page) == [guess["label"] for guess in record["predictions"]]
        rows = page.locator("table.answer tbody tr").all()
        assert [row.locator("td").first.inner_text() for row in rows] == list("12345")
        shown = [row.locator("td").last.inner_text() for row in rows]
        expected = [f"{guess['probability'] * 100:.1f} %" for guess in record["predictions"]]
        assert shown == expected
        widths = page.locator(".bar").evaluate_all(
            "bars => bars.map(bar => parseFloat(getComputedStyle(bar, '::before').width))"
        )
        assert widths == sorted(widths, reverse=True)
        how = page.locator(".how").inner_text()
        assert re.fullmatch(rf"{re.escape(PICTURES[0])} · {DEFAULT} · [\d.]+ m?s · (CPU|GPU)", how)


def test_thumbnails_dropdown_and_preview_show_the_same_picture(
    browser: Browser, server: Server
) -> None:
    with opened(browser, server) as page:
        expect(page.locator(".thumbnails img")).to_have_count(len(PICTURES))
        page.get_by_role("radio", name=PICTURES[1]).check()

        expect(page.get_by_label("Picture", exact=True)).to_have_value(PICTURES[1])
        expect(page.locator("#preview img")).to_have_attribute("src", re.compile(PICTURES[1]))

        page.get_by_label("Picture", exact=True).click()
        page.get_by_role("option", name=PICTURES[2], exact=True).click()
        expect(page.locator(".thumbnails input:checked")).to_have_value(PICTURES[2])
        expect(page.locator("#preview img")).to_have_attribute("src", re.compile(PICTURES[2]))
        loaded = page.locator("#preview img, .thumbnails label:nth-child(-n+4) img").evaluate_all(
            "pictures => pictures.map(picture => picture.naturalWidth > 0)"
        )
        assert all(loaded)


def test_an_answer_does_not_outlive_its_question(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        page.get_by_role("button", name="Classify").click()
        expect(page.locator("table.answer")).to_be_visible()
        page.get_by_role("radio", name=PICTURES[1]).check()

        expect(page.locator("table.answer")).to_have_count(0)
        expect(page.get_by_text("Press Classify")).to_be_visible()


def test_a_keyboard_is_enough(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        for _ in range(10):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.name") == "thumbnail":
                break
        page.keyboard.press("ArrowRight")
        expect(page.get_by_label("Picture", exact=True)).to_have_value(PICTURES[1])
        for _ in range(10):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.innerText") == "Classify":
                break
        page.keyboard.press("Enter")

        expect(page.locator("table.answer caption")).to_contain_text(PICTURES[1])


def test_a_choice_is_kept_when_the_page_settles_after_it(browser: Browser, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for name in PICTURES[:2]:
        shutil.copy(PROJECT / "images" / name, images)
    with serve(tmp_path / "server", images=images) as server:
        shutil.copy(PROJECT / "images" / PICTURES[2], images)
        context = browser.new_context()
        page = context.new_page()
        held: list[Route] = []
        settling = True
        page.route(
            "**/gradio_api/run/**",
            lambda route: held.append(route) if settling else route.continue_(),
        )
        page.goto(server.address)
        page.get_by_role("radio", name=PICTURES[1]).check()
        picture = page.get_by_label("Picture", exact=True)
        expect(picture).to_have_value(PICTURES[1])

        settling = False
        for request in held:
            request.continue_()
        expect(page.locator(".thumbnails label")).to_have_count(3)
        expect(page.locator(".thumbnails input:checked")).to_have_value(PICTURES[1])
        expect(picture).to_have_value(PICTURES[1])
        page.get_by_role("button", name="Classify").click()
        expect(page.locator("table.answer caption")).to_contain_text(PICTURES[1])
        context.close()


@pytest.fixture(scope="module")
def held_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One job at a time, each held until it is cancelled."""
    with serve(
        tmp_path_factory.mktemp("held-server"),
        CLASSIFIER_CONCURRENCY=1,
        CLASSIFIER_DELAY_SECONDS=3600,
    ) as running:
        yield running


def is_moving(page: Page) -> bool:
    """Whether something under the state of a job moves."""
    animations: list[str] = page.evaluate(
        "document.getAnimations().filter(one => one.playState === 'running')"
        ".map(one => one.animationName)"
    )
    return "waiting" in animations


def test_the_place_in_the_queue_shows_while_a_job_waits(
    browser: Browser, held_server: Server
) -> None:
    first, second = (held_server.submit(name).json()["job_id"] for name in PICTURES[:2])
    with opened(browser, held_server) as page:
        page.get_by_role("button", name="Classify").click()
        answer = page.locator("#answer")
        # No job has ended yet, so the estimate is the delay of the jobs before this one.
        expect(answer).to_contain_text("queue: 2 of 2, about 180 min")
        assert is_moving(page)
        held_server.http.delete(f"/classifications/{first}")
        expect(answer).to_contain_text("queue: 1 of 1")
        held_server.http.delete(f"/classifications/{second}")
        expect(answer).to_contain_text("being processed")
        page.get_by_role("button", name="Cancel").click()
        expect(answer).to_contain_text("Press Classify")


def test_an_answer_is_there_for_someone_who_comes_back(
    browser: Browser, slow_server: Server
) -> None:
    with opened(browser, slow_server) as page:
        page.get_by_role("button", name="Classify").click()
        link = page.locator("#answer .again a")
        expect(link).to_be_visible()
        ticket = str(link.get_attribute("href")).removeprefix("?ticket=")
        expect(page).to_have_url(f"{slow_server.address}/?ticket={ticket}")

    # The tab is closed, perhaps before the answer; another one shows it.
    with opened(browser, slow_server, path=f"?ticket={ticket}") as page:
        expect(page.locator("table.answer caption")).to_contain_text(PICTURES[0])
        expect(page.locator("#answer .again a")).to_have_attribute("href", f"?ticket={ticket}")
        record = slow_server.ended(ticket)
        assert labels(page) == [label for label, _ in record["data"]]

        page.get_by_role("radio", name=PICTURES[1]).check()
        expect(page.get_by_text("Press Classify")).to_be_visible()
        expect(page).not_to_have_url(re.compile("ticket"))


def test_someone_who_comes_back_early_sees_the_place_in_line(
    browser: Browser, held_server: Server
) -> None:
    first, second = (held_server.submit(name).json()["job_id"] for name in PICTURES[:2])
    with opened(browser, held_server, path=f"?ticket={second}") as page:
        expect(page.locator("#answer")).to_contain_text("queue: 1 of 1")
        held_server.http.delete(f"/classifications/{first}")
        expect(page.locator("#answer")).to_contain_text("being processed")
        held_server.http.delete(f"/classifications/{second}")
        expect(page.locator("#answer")).to_contain_text("The job was cancelled.")


def test_a_link_to_an_answer_that_is_gone_says_so(browser: Browser, server: Server) -> None:
    with opened(browser, server, path="?ticket=nonsense") as page:
        expect(page.get_by_text("This answer is no longer available")).to_be_visible()


def test_a_job_can_be_cancelled(browser: Browser, held_server: Server) -> None:
    with opened(browser, held_server) as page:
        cancel = page.get_by_role("button", name="Cancel")
        expect(cancel).to_be_disabled()
        for _ in range(2):
            page.get_by_role("button", name="Classify").click()
            expect(page.locator("#answer")).to_contain_text("being processed")
            href = page.locator("#answer .again a").get_attribute("href")
            cancel.click()

            expect(cancel).to_be_disabled()
            expect(page.locator("#answer")).not_to_contain_text("being processed")
            ticket = str(href).removeprefix("?ticket=")
            assert held_server.ended(ticket)["task_status"] == "canceled"
            expect(page).not_to_have_url(re.compile("ticket"))
        expect(page.locator("table.answer")).to_have_count(0)
        expect(page.get_by_test_id("toast-body")).to_have_count(0)


def test_it_fits_the_screen_and_can_be_read(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        page.get_by_role("button", name="Classify").click()
        expect(page.locator("table.answer")).to_be_visible()

        for size, scheme in DISPLAYS:
            display(page, size, scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
            button = page.get_by_role("button", name="Classify").bounding_box()
            answer = page.locator("table.answer").bounding_box()
            assert button
            assert answer
            if size == PHONE:
                assert 0 < answer["y"] - (button["y"] + button["height"]) < 150
            else:
                assert button["y"] + button["height"] < size[1]
                assert answer["x"] > button["x"] + button["width"]
            for text in [
                "#title h1",
                ".facts",
                "table.answer th",
                "table.answer td",
                ".how",
                ".again a",
            ]:
                assert contrast(page, text) >= 4.5, (text, scheme)


def test_nothing_is_loaded_from_elsewhere(browser: Browser, server: Server) -> None:
    hosts = set()
    context = browser.new_context()
    page = context.new_page()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(server.address)
    expect(page.locator(".thumbnails img").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    context.close()

    assert hosts == {"127.0.0.1"}


def test_the_endpoints_are_described_on_the_page(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        page.get_by_role("button", name="Use via API").click()
        page.get_by_text("Python", exact=True).first.click()  # it opens with the tools

        expect(
            page.get_by_text("The five likeliest labels of a picture in the gallery.", exact=True)
        ).to_be_visible()
        expect(page.get_by_text("Name of a picture in the gallery").first).to_be_visible()


@pytest.fixture(scope="module")
def gallery_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One whose pictures come and go; there are none when it starts."""
    images = tmp_path_factory.mktemp("gallery")
    with serve(tmp_path_factory.mktemp("gallery-server"), images=images) as running:
        yield running


@pytest.fixture
def gallery(gallery_server: Server) -> Server:
    """The same, without pictures again."""
    for file in gallery_server.images.iterdir():
        file.unlink()
    return gallery_server


def test_pictures_that_come_later_are_offered(browser: Browser, gallery: Server) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(gallery.address)
    expect(page.get_by_text(f"{gallery.images} contains no pictures")).to_be_visible()
    page.get_by_role("button", name="Classify").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("contains no pictures")

    shutil.copy(PROJECT / "images" / PICTURES[0], gallery.images / "new.jpg")
    page.reload()
    expect(page.get_by_label("Picture", exact=True)).to_have_value("new.jpg")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator("table.answer caption")).to_contain_text("new.jpg")
    context.close()
    assert "Traceback" not in gallery.log.read_text()


def test_a_file_that_is_no_picture_harms_neither_the_page_nor_the_others(
    browser: Browser, gallery: Server
) -> None:
    (gallery.images / "a.jpg").write_text("no picture")
    shutil.copy(PROJECT / "images" / PICTURES[0], gallery.images / "b.jpg")
    with opened(browser, gallery) as page:
        expect(page.get_by_label("Picture", exact=True)).to_have_value("a.jpg")
        page.get_by_role("button", name="Classify").click()
        expect(page.get_by_test_id("toast-body")).to_contain_text(
            "'a.jpg' is not a picture that can be read"
        )

        page.get_by_role("radio", name="b.jpg").check()
        page.get_by_role("button", name="Classify").click()
        expect(page.locator("table.answer caption")).to_contain_text("b.jpg")
        page.locator(".thumbnails label").nth(0).click()
        expect(page.get_by_label("Picture", exact=True)).to_have_value("a.jpg")
        page.wait_for_load_state("networkidle")
        assert "Traceback" not in gallery.log.read_text()


def test_a_photograph_is_classified(browser: Browser, gallery: Server) -> None:
    if not PHOTOS.is_dir():
        pytest.skip("../shared/data/photos is not here")
    for photo in PHOTOS.glob("*.jpg"):
        (gallery.images / photo.name).symlink_to(photo)
    with opened(browser, gallery) as page:
        page.get_by_label("Picture", exact=True).fill("goldfish")
        page.get_by_role("option", name="n01443537_goldfish.jpg").click()
        page.get_by_role("button", name="Classify").click()

        expect(page.locator("table.answer caption")).to_contain_text("goldfish")
        assert "goldfish" in labels(page)


def test_something_that_the_model_does_not_know_is_explained(
    browser: Browser, gallery: Server
) -> None:
    Image.effect_noise((300, 200), 80).convert("RGB").save(gallery.images / "noise.png")
    with opened(browser, gallery, path="?model=tiny") as page:
        expect(page.get_by_label("Model", exact=True)).to_have_value("tiny")
        page.get_by_role("button", name="Classify").click()
        limits = page.locator(".limits")
        expect(limits).to_contain_text("None of its labels fits well.")
        expect(limits).to_contain_text("tiny has 200 labels and always predicts one of them")
        expect(limits).to_contain_text("Other models have up to 1,000.")

        expect(limits.get_by_text("goldfish", exact=False)).to_be_hidden()
        for text in (".limits p", ".limits summary"):
            assert contrast(page, text) >= 4.5, text
        limits.get_by_text("Show all 200 labels", exact=True).click()
        expect(limits.get_by_text("goldfish", exact=False)).to_be_visible()


@pytest.fixture
def files() -> Iterator[FileServer]:
    with serving() as server:
        yield server


def test_a_model_is_fetched_when_first_used(
    browser: Browser, files: FileServer, weights: bytes, tmp_path: Path
) -> None:
    digest = hashlib.sha256(weights).hexdigest()
    files.files, files.pause = {"/resnet18.pth": weights}, 0.3
    command = (
        "-m",
        "tests.support.app_with_local_weights",
        files.address("/resnet18.pth"),
        digest[:8],
    )
    with serve(tmp_path, command=command) as server, opened(browser, server) as page:
        choose(page, "resnet18")
        expect(page.locator(".facts")).to_contain_text("1,000 labels")
        expect(page.locator(".facts")).to_contain_text("downloaded on first use")
        page.get_by_role("button", name="Classify").click()
        expect(page.locator("#answer")).to_contain_text("Downloading resnet18, 45 MB")

        # Someone else's question to a model that is here does not wait for the download.
        other = server.client().predict(PICTURES[0], DEFAULT, api_name="/classify")
        assert other["model"] == DEFAULT
        expect(page.locator("table.answer")).to_have_count(0)

        expect(page.locator("table.answer")).to_be_visible(timeout=20_000)
        expect(page.locator(".facts")).to_contain_text("ready")
        expect(page.locator(".how")).to_contain_text("resnet18")
        assert files.requests["/resnet18.pth"] == 1
        assert "resnet18: 100 %" in server.log.read_text()


def test_a_download_that_fails_is_explained_and_harms_nothing(
    browser: Browser, files: FileServer, tmp_path: Path
) -> None:
    files.files = {"/resnet18.pth": b"not the weights"}
    command = (
        "-m",
        "tests.support.app_with_local_weights",
        files.address("/resnet18.pth"),
        "0" * 8,
    )
    with serve(tmp_path, command=command) as server, opened(browser, server) as page:
        choose(page, "resnet18")
        page.get_by_role("button", name="Classify").click()
        toast = page.get_by_test_id("toast-body")
        expect(toast).to_contain_text("Could not download resnet18.pth")
        expect(toast).to_contain_text(f"{server.cache}/weights/resnet18.pth yourself")
        expect(page.get_by_role("button", name="Cancel")).to_be_disabled()

        choose(page, DEFAULT)
        page.get_by_role("button", name="Classify").click()
        expect(page.locator("table.answer")).to_be_visible()
        assert "Traceback" not in server.log.read_text()


def choose(page: Page, model: str) -> None:
    page.get_by_label("Model").click()
    page.get_by_role("option", name=model, exact=True).click()


def test_nothing_stands_alone_at_the_bottom_of_a_phone(browser: Browser, server: Server) -> None:
    """Gradio hides a link there, but not the dot behind it."""
    with opened(browser, server, PHONE) as page:
        expect(page.locator("footer")).to_have_text(re.compile("Settings"))
        assert page.locator("footer").inner_text().split() == ["Settings"]
    with opened(browser, server) as page:
        assert page.locator("footer").inner_text().split()[-2:] == ["·", "Settings"]
