"""Changes that show only in an app that is served."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from classifier.gradio_internals.job_routes import JOB_ROUTES, prioritise_job_routes
from classifier.server.app import App
from classifier.settings import Settings
from tests.support.app_process import run_in_process

CALLS = 205


def serve_calls(cache: Path) -> dict[str, Any]:
    """Calls an app, repeats one call often, runs a job, and returns what is left behind."""
    app = App(Settings(models=("tiny",), cache=cache))
    address = app.launch(wait=False) + "gradio_api/call/classify"
    client = httpx.Client(timeout=60)

    def call(image: str) -> str:
        event = client.post(address, json={"data": [image, "tiny"]}).json()["event_id"]
        return client.get(f"{address}/{event}").text

    results = [call("pretzel.jpg") for _ in range(CALLS)]

    async def run_job() -> str:
        state = await app.jobs.submit("tiny", "teapot.jpg")
        while not state.job.finished:
            await app.jobs.wait(state.job.id, 10)
            found = await app.jobs.state(state.job.id)
            assert found
            state = found
        return state.job.status

    status = asyncio.run_coroutine_threadsafe(run_job(), app.jobs.loop).result(60)
    return {
        "correct": sum("pretzel" in result for result in results),
        "different": len(set(results)),
        "events": len(app.queue.event_ids_to_events),
        "iterators": len(app.page.app.iterators),
        "pending": len(app.queue.pending_event_ids_session),
        "sessions": list(app.page.app.state_holder.session_data),
        "session of jobs": app.queue.job_session,
        "first routes": [route.path for route in app.page.app.router.routes[:4]],
        "job": status,
        "job session": app.queue.job_session in app.queue.pending_messages_per_session,
    }


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run_in_process(serve_calls, tmp_path_factory.mktemp("served"))


def test_calls_leave_no_sessions_behind(served: Any) -> None:
    assert served["correct"] == CALLS
    assert served["sessions"] == [served["session of jobs"]]


def test_calls_leave_no_events_behind(served: Any) -> None:
    assert served["events"] == served["iterators"] == 0
    assert served["pending"] < 100


def test_repeated_calls_return_the_cached_result(served: Any) -> None:
    assert served["different"] == 1  # even the measured time is the same


def test_the_routes_of_jobs_come_first(served: Any) -> None:
    assert set(served["first routes"]) == set(JOB_ROUTES)


def test_a_job_runs_without_a_client(served: Any) -> None:
    assert served["job"] == "finished"
    assert not served["job session"]


def serve_with_password(cache: Path) -> list[int]:
    """Calls an app with a login; returns the status codes."""
    app = App(Settings(models=("tiny",), cache=cache))
    app.open_queue()
    _, address, _ = app.page.launch(
        auth=("someone", "secret"), prevent_thread_lock=True, quiet=True
    )
    prioritise_job_routes(app.page)
    call = address + "gradio_api/call/classify"
    codes = [
        httpx.post(call, json={"data": ["pretzel.jpg", "tiny"]}).status_code,
        httpx.get(call + "/nothing").status_code,
    ]
    with httpx.Client() as client:
        client.post(address + "login", data={"username": "someone", "password": "secret"})
        codes.append(client.post(call, json={"data": ["pretzel.jpg", "tiny"]}).status_code)
    return codes


def test_the_routes_of_jobs_ask_for_a_login_where_gradio_would(tmp_path: Path) -> None:
    assert run_in_process(serve_with_password, tmp_path) == [401, 401, 200]
