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


def test_a_lost_mailbox_costs_its_own_event_and_not_the_queue() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOST_MAILBOX],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.stdout == "False False 1.0\n", done.stderr
