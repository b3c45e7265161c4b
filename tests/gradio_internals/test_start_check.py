"""The check of its own page that Gradio makes at the start."""

from pathlib import Path
from unittest.mock import patch

import httpx
from gradio import networking

from classifier.server.app import App
from classifier.settings import Settings
from tests.support.app_process import run_in_process


def start_with_a_slow_page(cache: Path) -> int:
    """Starts an app whose page is too slow for Gradio's check; returns the status of the page."""
    with patch.object(networking, "url_ok", lambda url: False):
        address = App(Settings(models=("tiny",), cache=cache)).launch(wait=False)
    return httpx.get(address, timeout=60).status_code


def test_a_slow_first_page_does_not_end_the_app(tmp_path: Path) -> None:
    assert run_in_process(start_with_a_slow_page, tmp_path) == 200
