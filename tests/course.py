"""A client of the course's service, as its page asks: a form, and a look every second."""

import re
import time

import httpx

PATIENCE_SECONDS = 60


def classify(address: str, image: str, model: str, pause: float = 1.0) -> list[list[object]]:
    """Five pairs of a label and its percentage, the likeliest first.

    It knows nothing of this server but the course's routes and words.
    """
    form = {"image_id": image, "model_id": model}
    answer = httpx.post(f"{address}/classifications", data=form)
    answer.raise_for_status()
    found = re.search(r'"job_id": ?"([^"]+)"', answer.text)
    assert found, answer.text
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        job = httpx.get(f"{address}/classifications/{found[1]}").json()
        if job["task_status"] == "finished":
            pairs: list[list[object]] = job["data"]
            return pairs
        assert job["task_status"] in {"queued", "started"}, job
        assert job["data"] is None
        time.sleep(pause)
    raise TimeoutError(f"no answer within {PATIENCE_SECONDS} s")
