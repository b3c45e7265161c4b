"""Graceful shutdown: running jobs finish, waiting jobs are kept, and new ones are rejected."""

import asyncio
import os
import signal
import sys
import time
from threading import Event
from types import FrameType

from gradio import Blocks

from classifier.endpoints.endpoint import INFERENCE
from classifier.gradio_internals.queue import Queue
from classifier.gradio_internals.tunnels import close_tunnels
from classifier.jobs.service import STOPPING, JobService

# For running jobs. Process managers usually wait 30 seconds before they kill a process.
GRACE_SECONDS = 20.0
POLL_SECONDS = 0.05
DELIVERY_SECONDS = 0.5  # for the last responses to reach their clients


def wait(page: Blocks, queue: Queue, jobs: JobService) -> None:
    """Waits for SIGTERM or Ctrl+C, shuts down, and ends this process.

    A second signal ends the process immediately.
    """
    stop = Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    while not stop.wait(0.5) and page.is_running:
        pass
    if stop.is_set():
        print("Stopping. Press Ctrl+C again to stop immediately.", flush=True)
    asyncio.run_coroutine_threadsafe(drain(queue, jobs), jobs.loop).result()
    page.close(verbose=False)
    close_tunnels()
    sys.stdout.flush()
    sys.stderr.flush()
    # Other threads may still be in a download, or in a job that took too long.
    os._exit(0)


async def drain(queue: Queue, jobs: JobService) -> None:
    """Lets running jobs finish, for GRACE_SECONDS at most, and keeps the waiting ones."""
    queue.stop_accepting(STOPPING)
    jobs.stop_accepting()
    end = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < end and (queue.count_running(INFERENCE) or jobs.is_busy()):
        await asyncio.sleep(POLL_SECONDS)
    await jobs.close()
    await asyncio.sleep(DELIVERY_SECONDS)
