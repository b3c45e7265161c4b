"""What the page relies on in the browser."""

import socket
from collections.abc import Iterator

import gradio
import pytest
from playwright.sync_api import Browser, expect

from classifier.gradio_internals.javascript_updates import DISABLE, ENABLE, KEEP, select_tab
from tests.support.app_process import AppProcess
from tests.support.server import PROJECT, environment, wait_for


def main() -> None:
    """Serves a page with a button for each expression."""
    with gradio.Blocks() as page:
        with gradio.Tabs() as tabs:
            with gradio.Tab("First", id="first"):
                text = gradio.Textbox("before", label="Text", interactive=True)
                keep = gradio.Button("Keep")
                replace = gradio.Button("Replace")
                disable, enable = gradio.Button("Disable"), gradio.Button("Enable")
                target = gradio.Button("Target")
                select = gradio.Button("Select")
            with gradio.Tab("Second", id="second"):
                gradio.Markdown("This is the second tab.")
        keep.click(None, None, text, js=f"() => {KEEP}")
        replace.click(None, None, text, js="() => 'after'")
        disable.click(None, None, target, js=f"() => {DISABLE}")
        enable.click(None, None, target, js=f"() => {ENABLE}")
        select.click(None, None, tabs, js=f"() => {select_tab('second')}")
    page.launch()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("javascript")
    process = AppProcess(
        ("-m", "tests.gradio_internals.test_page"),
        PROJECT,
        environment(GRADIO_SERVER_PORT=port, GRADIO_ANALYTICS_ENABLED="False"),
        folder / "log.txt",
    )
    try:
        wait_for(lambda: "Running on" in (folder / "log.txt").read_text(), 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(30)


def test_javascript_can_update_or_keep_a_component(browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    text = page.get_by_label("Text")
    text.fill("by the visitor")
    page.get_by_role("button", name="Keep").click()
    page.wait_for_timeout(200)
    expect(text).to_have_value("by the visitor")
    page.get_by_role("button", name="Replace").click()
    expect(text).to_have_value("after")

    target = page.get_by_role("button", name="Target")
    page.get_by_role("button", name="Disable").click()
    expect(target).to_be_disabled()
    page.get_by_role("button", name="Enable").click()
    expect(target).to_be_enabled()

    page.get_by_role("button", name="Select").click()
    expect(page.get_by_text("This is the second tab.")).to_be_visible()
    context.close()


if __name__ == "__main__":
    main()
