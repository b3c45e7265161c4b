"""The corners of Gradio that a lasting queue stands on."""

import subprocess
import sys

from tests.serving import PROJECT

# A process of its own: a page made outside a server leaves an event loop behind.
LOST_MAILBOX = """
import asyncio
from gradio.queueing import Event
from gradio.server_messages import HeartbeatMessage
from classifier import Settings, server

page = server.create(Settings(models=("tiny",)))
page.queue(1.0, api_open=False, max_size=10)

async def send():
    event = Event("a session without a mailbox", page.fns[0], None, None)
    page._queue.send_message(event, HeartbeatMessage())
    print(event.alive, page._queue.live_updates, page._queue.update_intervals)

asyncio.run(send())
"""

ASKED_AGAIN = """
import httpx
from classifier import Settings, server

settings = Settings(models=("tiny",))
page = server.create(settings)
address = server.launch(page, settings, wait=False) + "gradio_api/call/classify"
for _ in range(5):
    event = httpx.post(address, json={"data": ["pretzel.jpg", "tiny"]}).json()["event_id"]
    print("pretzel" in httpx.get(f"{address}/{event}", timeout=60).text)
print(page._queue.event_ids_to_events, page.app.iterators)
page.close()
"""


def output(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_lost_mailbox_costs_its_own_event_and_not_the_queue() -> None:
    assert output(LOST_MAILBOX) == "False False 1.0\n"


def test_answers_from_memory_leave_nothing_behind() -> None:
    lines = output(ASKED_AGAIN).splitlines()

    assert [line for line in lines if line in ("True", "False")] == ["True"] * 5
    assert "{} {}" in lines
