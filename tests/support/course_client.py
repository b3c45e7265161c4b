"""A client of the course's service that works as its page does: it sends a form, then polls."""

import re
import time

import httpx

TIMEOUT_SECONDS = 60


def classify(address: str, image: str, model: str, pause: float = 1.0) -> list[list[object]]:
    """Returns five pairs of a label and its percentage, the likeliest first.

    It uses only the routes and field names of the course.
    """
    form = {"image_id": image, "model_id": model}
    response = httpx.post(f"{address}/classifications", data=form)
    response.raise_for_status()
    found = re.search(r'"job_id": ?"([^"]+)"', response.text)
    assert found, response.text
    end = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < end:
        job = httpx.get(f"{address}/classifications/{found[1]}").json()
        if job["task_status"] == "finished":
            pairs: list[list[object]] = job["data"]
            return pairs
        assert job["task_status"] in {"queued", "started"}, job
        assert job["data"] is None
        time.sleep(pause)
    raise TimeoutError(f"no result within {TIMEOUT_SECONDS} s")
