"""Measures the time from starting the app to its first response, and that of the imports alone."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from benchmarks.material import DEFAULT
from benchmarks.serving import free_port

PROJECT = Path(__file__).parent.parent
QUESTION = {"data": ["pretzel.jpg", DEFAULT]}


def imports() -> float:
    """Returns the seconds to import gradio and torch, which the app always needs."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import gradio, torch"], check=True)
    return time.perf_counter() - begin


def first_answer(cache: Path) -> float:
    """Returns the seconds from starting the app to its first API response."""
    port = free_port()
    environment = os.environ | {
        "CLASSIFIER_CACHE": str(cache),
        "CLASSIFIER_DEVICE": "cpu",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
    begin = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "app.py"], cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL
    )
    call = f"http://127.0.0.1:{port}/gradio_api/call/classify"
    try:
        with httpx.Client(timeout=60) as client:
            while True:
                try:
                    event = client.post(call, json=QUESTION).raise_for_status().json()["event_id"]
                    break
                except httpx.HTTPError:
                    time.sleep(0.02)
            if "event: complete" not in client.get(f"{call}/{event}").text:
                raise RuntimeError("The app did not respond.")
        return time.perf_counter() - begin
    finally:
        server.terminate()
        server.wait(20)
