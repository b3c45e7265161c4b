"""Stopping in order: what runs ends, what waits is kept, nothing new is taken."""

import asyncio
import os
import signal
import sys
import time
from threading import Event
from types import FrameType

from gradio.server_messages import ProcessCompletedMessage
from gradio.tunneling import CURRENT_TUNNELS

from classifier.blocks import Blocks
from classifier.queueing import INFERENCE
from classifier.tickets import STOPPING

STOP_SECONDS = 20.0  # for jobs that run to end; what keeps servers waits 30 and kills then
POLL_SECONDS = 0.05
HEARD_SECONDS = 0.5  # for last answers to reach their readers


def wait(page: Blocks) -> None:
    """Serves until the system asks to stop (SIGTERM or Ctrl+C), then ends this process.

    A second such signal ends it at once.
    """
    asked = Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            os._exit(128 + number)
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    while not asked.wait(0.5) and page.is_running:
        pass
    if asked.is_set():
        print("Stopping; again to stop at once.", flush=True)
    asyncio.run_coroutine_threadsafe(drain(page), page.tickets.loop).result()
    page.close(verbose=False)
    for tunnel in CURRENT_TUNNELS:
        tunnel.kill()
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads may still be in a download or in a job that took too long.
    os._exit(0)


async def drain(page: Blocks) -> None:
    """Ends what runs, within limits, and leaves what waits."""
    queue = page._queue
    queue.refusal = STOPPING
    page.tickets.refuse()
    for line in queue.event_queue_per_concurrency_id.values():
        waiting, line.queue[:] = list(line.queue), []
        for event in waiting:
            if event.session_hash != queue.own:
                queue.send_message(
                    event, ProcessCompletedMessage(output={"error": STOPPING}, success=False)
                )
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end and (_runs(page) or page.tickets.busy()):
        await asyncio.sleep(POLL_SECONDS)
    await page.tickets.close()
    await asyncio.sleep(HEARD_SECONDS)


def _runs(page: Blocks) -> bool:
    """Whether a model runs, or is about to, for anyone."""
    events = [event for events in page._queue.active_jobs for event in events or []]
    return any(event.concurrency_id == INFERENCE for event in events)
