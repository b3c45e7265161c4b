"""The page in a browser."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from classifier.page.inputs.layout import WELCOME
from tests.support.server import PROJECT, Server

_SORTED = sorted(path.name for path in (PROJECT / "images").glob("*.jpg"))
# The pictures of the gallery, starting with the one that the page opens with.
PICTURES = [*_SORTED[_SORTED.index(WELCOME) :], *_SORTED[: _SORTED.index(WELCOME)]]
WIDE = (1280, 800)
PHONE = (390, 844)
# Every combination of a size and a colour scheme.
DISPLAYS = [(size, scheme) for size in (WIDE, PHONE) for scheme in ("light", "dark")]


@contextmanager
def opened(
    browser: Browser,
    server: Server,
    size: tuple[int, int] = WIDE,
    scheme: str = "light",
    path: str = "",
) -> Iterator[Page]:
    """Opens the page; fails if an error has occurred in it by the end."""
    # All pages share a context, and so a cache: the scripts of Gradio take seconds to load.
    context = browser.contexts[0] if browser.contexts else browser.new_context()
    page = context.new_page()
    _emulate(page, size, scheme)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))

    def check(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            errors.append(message.text)

    page.on("console", check)
    try:
        page.goto(f"{server.address}/{path}")
        expect(page.locator(".thumbnails input:checked")).to_have_count(1)
        yield page
    finally:
        page.close()
    assert errors == [], errors


def display(page: Page, size: tuple[int, int], scheme: str) -> None:
    """Displays an open page in another size and colour scheme, "light" or "dark"."""
    _emulate(page, size, scheme)
    page.wait_for_function(
        "scheme => document.body.classList.contains('dark') === (scheme === 'dark')", arg=scheme
    )
    # Colours may change gradually.
    page.evaluate(
        "document.getAnimations().forEach(one => one instanceof CSSTransition && one.finish())"
    )


def _emulate(page: Page, size: tuple[int, int], scheme: str) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")


def labels(page: Page) -> list[str]:
    """Returns the labels of the answer."""
    return page.locator("table.answer tbody th").all_inner_texts()


def contrast(page: Page, selector: str) -> float:
    """Returns the contrast of a text with its background, as WCAG 2 defines it."""
    value: float = page.locator(selector).first.evaluate(
        """element => {
            const numbers = colour => {
                const canvas = document.createElement("canvas").getContext("2d");
                canvas.fillStyle = colour;
                canvas.fillRect(0, 0, 1, 1);
                return [...canvas.getImageData(0, 0, 1, 1).data];
            };
            const light = ([red, green, blue]) => [red, green, blue]
                .map(part => part / 255)
                .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
                .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
            let behind = element;
            while (numbers(getComputedStyle(behind).backgroundColor)[3] < 255)
                behind = behind.parentElement;
            const both = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor]
                .map(numbers).map(light).sort((a, b) => b - a);
            return (both[0] + 0.05) / (both[1] + 0.05);
        }"""
    )
    return value
