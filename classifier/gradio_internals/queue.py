"""
Gradio 6.31: `Blocks.queue()` creates a `gradio.queueing.Queue` and offers no way to pass one in.
Without it: tests/gradio_internals/test_queue.py::test_the_page_uses_this_queue
Remove when: `Blocks.queue()` accepts a queue, or the changes below are part of Gradio.
"""

from gradio.blocks import Blocks

from classifier.gradio_internals.queue_cached_results import CachedResults
from classifier.gradio_internals.queue_concurrency import Concurrency
from classifier.gradio_internals.queue_fair_shares import FairShares
from classifier.gradio_internals.queue_idle import Idle
from classifier.gradio_internals.queue_job_events import JobEvents
from classifier.gradio_internals.queue_lost_sessions import LostSessions
from classifier.gradio_internals.queue_session_limits import SessionLimits
from classifier.gradio_internals.queue_shutdown import Shutdown


class Queue(
    Shutdown, SessionLimits, CachedResults, FairShares, JobEvents, LostSessions, Idle, Concurrency
):
    """Gradio's queue with all changes. They check a new request from left to right."""


def replace_queue(page: Blocks) -> Queue:
    """Replaces the queue of a page, before it is launched, by one with the same settings."""
    old = page._queue
    queue = Queue(
        live_updates=old.live_updates,
        concurrency_count=old.max_thread_count,
        update_intervals=old.update_intervals,
        max_size=old.max_size,
        blocks=page,
        default_concurrency_limit=old.default_concurrency_limit,
    )
    page._queue = queue
    return queue
