"""Cancelling through gradio_client."""

from concurrent.futures import CancelledError
from pathlib import Path

import pytest
from gradio_client.exceptions import AppError
from gradio_client.utils import Status

from tests.support.server import Server, serve, wait_for

PICTURE = "pretzel.jpg"


@pytest.mark.parametrize("status", [Status.IN_QUEUE, Status.PROCESSING])
def test_cancelling_a_job_costs_no_other(slow_server: Server, status: Status) -> None:
    client = slow_server.client()
    jobs = [client.submit(PICTURE, "tiny", api_name="/classify") for _ in range(3)]
    wait_for(lambda: any(job.status().code is status for job in jobs))
    cancelled = next(job for job in jobs if job.status().code is status)

    assert cancelled.cancel()

    for job in jobs:
        if job is not cancelled:
            assert job.result(timeout=20)["model"] == "tiny"
    # Either the client gives up by itself, or the server tells it, whichever is first.
    with pytest.raises((CancelledError, AppError)):
        cancelled.result(timeout=20)


def test_cancelling_a_running_job_frees_its_place_immediately(tmp_path: Path) -> None:
    with serve(tmp_path, CLASSIFIER_CONCURRENCY=1, CLASSIFIER_DELAY_SECONDS=60) as server:
        client = server.client()
        held = client.submit(PICTURE, "tiny", api_name="/classify")
        wait_for(lambda: held.status().code is Status.PROCESSING)
        next_job = client.submit(PICTURE, "tiny", api_name="/classify")
        wait_for(lambda: next_job.status().code is Status.IN_QUEUE)
        held.cancel()

        # Long before the first job would have ended after a minute.
        wait_for(lambda: next_job.status().code is Status.PROCESSING, 30)
        next_job.cancel()
