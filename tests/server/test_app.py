"""The app as users start it, and what it consists of."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import gradio
import httpx
import pytest

from classifier.page.answer.handlers import AnswerHandlers
from classifier.server.app import MAX_EVENTS, App
from classifier.settings import Settings
from tests.support.app_process import has_launched, run_in_process
from tests.support.job_service import PICTURE, opened
from tests.support.server import DEFAULT, PROJECT, environment, free_port, run, wait_for

START_SECONDS = 120  # a new interpreter imports torch and gradio


@contextmanager
def started(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Starts `python app.py` as a user does."""
    settings = environment(CLASSIFIER_CACHE=folder / "cache", GRADIO_SERVER_PORT=port)
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=PROJECT, env=settings, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.timeout(300)
def test_the_app_starts_responds_and_stops(tmp_path: Path) -> None:
    port = free_port()
    with (
        started(tmp_path, port) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client,
    ):

        def responds() -> bool:
            assert process.poll() is None, (tmp_path / "log.txt").read_text()
            try:
                return client.get("/ready").is_success
            except httpx.TransportError:
                return False

        wait_for(responds, START_SECONDS)
        assert client.get("/health").json() == {"status": "alive"}
        assert DEFAULT in client.get("/info").json()["models"]
        form = {"model_id": DEFAULT, "image_id": PICTURE.name}
        job = client.post("/classifications", data=form).json()["job_id"]
        url = f"/classifications/{job}?wait=30"
        wait_for(lambda: client.get(url).json()["task_status"] == "finished", 60)
        wait_for(lambda: has_launched(process.pid), 60)
        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == 0
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


def test_all_events_that_may_run_simultaneously_have_room(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as app:
            limits = {
                function.concurrency_id: function.concurrency_limit
                for function in app.page.fns.values()
                if function.queue is not False
            }

            assert None not in limits.values(), limits
            assert limits.pop("inference") == app.settings.concurrency
            assert sum(limits.values()) <= MAX_EVENTS

    run(work())


def test_a_request_that_is_rejected_leaves_no_picture(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(tmp_path) as app:
            app.jobs.stop_accepting()
            handlers = AnswerHandlers(app.services, app.jobs)
            values = PICTURE.name, None, {"brightness": 2}, DEFAULT, gradio.Request()
            async for _ in handlers.submit(*values):
                pass

    with pytest.raises(gradio.Error, match="The server is stopping"):
        run(work())
    assert not list(tmp_path.rglob("*-edited.png"))


def has_psycopg(cache: Path) -> bool:
    """Whether an app with the default settings imports psycopg."""
    App(Settings(cache=cache))
    return "psycopg" in sys.modules


def test_without_a_database_psycopg_is_not_imported(tmp_path: Path) -> None:
    assert not run_in_process(has_psycopg, tmp_path)
