"""A late response of the server, or an echo, never undoes a newer choice of the visitor."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.browsing import PICTURES, labels, opened
from tests.support.file_server import FileServer
from tests.support.server import Server

PRESSES = 8


@contextmanager
def held(page: Page, pattern: str) -> Iterator[list[Route]]:
    """Holds all requests to addresses that match, and lets them continue at the end."""
    routes: list[Route] = []
    is_holding = True

    def hold(route: Route) -> None:
        if is_holding:
            routes.append(route)
        else:
            route.continue_()

    page.route(pattern, hold)
    yield routes
    is_holding = False
    for route in routes:
        route.continue_()


def choose(page: Page, name: str) -> None:
    page.get_by_role("radio", name=name).check()


def choose_model(page: Page, name: str) -> None:
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name=name, exact=True).click()


def expect_picture(page: Page, name: str) -> None:
    """The dropdown, the thumbnails and the preview agree on a picture."""
    expect(page.get_by_label("Picture", exact=True)).to_have_value(name)
    expect(page.locator(".thumbnails input:checked")).to_have_value(name)
    expect(page.locator("#preview img")).to_have_attribute("src", re.compile(f"previews/{name}"))


def test_quick_presses_on_a_slider_all_count(browser: Browser, server: Server) -> None:
    with opened(browser, server) as page:
        page.get_by_role("tab", name="Edit").click()
        slider = page.get_by_role("slider", name="Contrast")
        slider.focus()
        for presses in range(PRESSES, 3 * PRESSES, PRESSES):
            for _ in range(PRESSES):
                page.keyboard.press("ArrowRight")
            value = f"{1 + presses * 0.05:g}"
            expect(slider).to_have_value(value)
            expect(page.get_by_text(f"Edited: contrast × {value}.")).to_be_visible()
            expect(slider).to_have_value(value)

        page.get_by_role("button", name="Reset").click()
        expect(slider).to_have_value("1")
        expect(page.get_by_text("No edits yet")).to_be_visible()


def test_quick_presses_on_the_thumbnails_all_count(browser: Browser, server: Server) -> None:
    names = sorted(PICTURES)
    with opened(browser, server) as page:
        page.locator(".thumbnails input:checked").focus()
        place = names.index(PICTURES[0])
        for _ in range(2):
            for _ in range(PRESSES):
                page.keyboard.press("ArrowRight")
            place = (place + PRESSES) % len(names)
            expect_picture(page, names[place])


@pytest.mark.parametrize("is_picture", [True, False], ids=["picture", "no picture"])
def test_a_picture_chosen_while_an_upload_is_checked_stays(
    browser: Browser, server: Server, tmp_path: Path, is_picture: bool
) -> None:
    content = io.BytesIO()
    Image.new("RGB", (60, 40), "teal").save(content, "TIFF")
    file = tmp_path / "own.tif"
    file.write_bytes(content.getvalue() if is_picture else b"no picture")
    with opened(browser, server) as page:
        with held(page, "**/gradio_api/queue/**") as requests:
            page.locator("#preview input[type=file]").first.set_input_files(file)
            expect(page.get_by_label("Picture", exact=True)).to_have_value("")
            page.wait_for_timeout(200)
            assert requests
            choose(page, PICTURES[1])
            expect_picture(page, PICTURES[1])

        if not is_picture:
            expect(page.get_by_test_id("toast-body")).to_contain_text("is not a picture")
        page.wait_for_timeout(500)
        expect_picture(page, PICTURES[1])


def test_the_facts_are_about_the_model_that_was_chosen_last(
    browser: Browser, server: Server
) -> None:
    with opened(browser, server) as page:
        facts = page.locator("#facts")
        with held(page, "**/gradio_api/run/**"):
            choose_model(page, "vgg16")
            expect(facts).to_contain_text("138.4 M")
            choose_model(page, "alexnet")
            expect(facts).to_contain_text("61.1 M")
        page.wait_for_timeout(500)
        expect(facts).to_contain_text("61.1 M")


def test_what_was_chosen_before_the_address_is_applied_stays(
    browser: Browser, server: Server
) -> None:
    context = browser.new_context()
    page = context.new_page()
    with held(page, "**/gradio_api/run/**"):
        page.goto(f"{server.address}/?picture={PICTURES[2]}&model=vgg16&brightness=2")
        expect(page.locator(".thumbnails input:checked")).to_have_count(1)
        choose(page, PICTURES[1])
        expect_picture(page, PICTURES[1])
    # The rest of the address applies.
    expect(page.get_by_label("Model", exact=True)).to_have_value("vgg16")
    expect(page.get_by_text("labels of the edited picture")).to_be_visible()
    expect_picture(page, PICTURES[1])
    context.close()


def test_an_answer_to_earlier_inputs_does_not_appear(browser: Browser, slow_server: Server) -> None:
    with opened(browser, slow_server) as page:
        page.get_by_role("button", name="Classify").click()
        expect(page.locator("#answer .again a")).to_be_visible()
        choose(page, PICTURES[1])
        expect(page.get_by_text("Press Classify")).to_be_visible()
        expect(page).not_to_have_url(re.compile("ticket"))
        # The job ends meanwhile.
        cancel = page.get_by_role("button", name="Cancel").first
        expect(cancel).to_be_disabled(timeout=30_000)

        expect(page.locator("table.answer")).to_have_count(0)
        expect(page.get_by_text("Press Classify")).to_be_visible()
        expect(page).not_to_have_url(re.compile("ticket"))
        page.get_by_role("button", name="Classify").click()
        expect(page.locator("table.answer caption")).to_contain_text(PICTURES[1], timeout=30_000)
        assert len(labels(page)) == 5


def test_an_explanation_of_earlier_inputs_does_not_appear(
    browser: Browser, slow_server: Server
) -> None:
    with opened(browser, slow_server) as page:
        page.get_by_role("tab", name="Explain").click()
        page.get_by_role("button", name="Explain").click()
        cancel = page.get_by_role("button", name="Cancel").nth(1)  # the first is Classify's
        expect(cancel).to_be_enabled()
        choose(page, PICTURES[1])
        expect(cancel).to_be_disabled(timeout=60_000)

        expect(page.locator(".explanation")).to_have_count(0)
        expect(page.get_by_text("Press Explain")).to_be_visible()


def test_a_finished_download_leaves_the_facts_of_the_chosen_model(
    browser: Browser, file_server: FileServer, downloading_server: Server
) -> None:
    (downloading_server.cache / "weights" / "resnet18.pth").unlink(missing_ok=True)
    with opened(browser, downloading_server) as page:
        page.get_by_role("tab", name="Models").click()
        before = file_server.requests["/resnet18.pth"]
        page.get_by_role("button", name="Download resnet18").click()
        expect(page.locator("#models")).to_contain_text("Downloading resnet18")
        choose_model(page, "alexnet")
        expect(page.locator("#facts")).to_contain_text("61.1 M")

        row = page.locator(".models tbody tr", has_text="resnet18")
        expect(row.locator(".state")).to_have_text("ready")
        expect(page.locator("#facts")).to_contain_text("ready")
        expect(page.locator("#facts")).to_contain_text("61.1 M")
        expect(page.get_by_label("Model", exact=True)).to_have_value("alexnet")
        assert file_server.requests["/resnet18.pth"] == before + 1


def test_a_second_download_leaves_the_first_one_running(
    browser: Browser, downloading_server: Server
) -> None:
    (downloading_server.cache / "weights" / "resnet18.pth").unlink(missing_ok=True)
    with opened(browser, downloading_server) as page:
        page.get_by_role("tab", name="Models").click()
        page.get_by_role("button", name="Download resnet18").click()
        expect(page.locator("#models")).to_contain_text("Downloading resnet18")
        page.get_by_role("button", name="Download alexnet").click()
        expect(page.locator("#models")).to_contain_text("Downloading alexnet")

        for name in ("resnet18", "alexnet"):
            row = page.locator(".models tbody tr", has_text=name)
            expect(row.locator(".state")).to_have_text("ready")
        expect(page.get_by_role("button", name="Stop").locator("visible=true")).to_be_disabled()
