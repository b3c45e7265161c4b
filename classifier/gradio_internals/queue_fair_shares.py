"""
Gradio 6.31: the queue is first come, first served, so one client can take all places.
Without it: tests/gradio_internals/test_queue_fair_shares.py::test_the_next_place_goes_round
Remove when: Gradio's queue has a limit and an order by client.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Any

from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event, Queue

from classifier.callers import caller_of


class FairShares(Queue):
    """Takes the requests of all callers in turn, and lets `check_caller` reject a request.

    In each round, a caller has one request. A new request comes behind those of its round: the
    one after the last of the caller's waiting requests, or else after the one that runs.
    `check_caller` is called with the caller of a new request that is `queued`, and raises an
    error to reject it. Without it, the queue is first come, first served.
    """

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self.queued: Collection[str] = ()  # the concurrency IDs of requests that wait for a place
        self.check_caller: Callable[[str], None] | None = None
        # Requests with different concurrency IDs wait in different lines.
        self._rounds: dict[str, int] = {}  # of the last event of each line that has started

    async def push(self, body: PredictBodyInternal, request: Any, username: str | None) -> Any:
        if not self.check_caller:
            return await super().push(body, request, username)
        caller = caller_of(request)
        function = self.blocks.fns.get(body.fn_index)
        if function and function.concurrency_id in self.queued and not self._is_job(body):
            self.check_caller(caller)
        accepted, id, status = await super().push(body, request, username)
        event = self.event_ids_to_events.get(id) if accepted else None
        if event:
            self._move_forward(event, caller)
        return accepted, id, status

    def get_events(self) -> Any:
        found = super().get_events()
        if found:
            events, _, line = found
            self._rounds[line] = max(self._rounds.get(line, 0), _round(events[0]))
        return found

    def count(self, caller: str) -> int:
        """Returns how many requests of a caller wait or run, without jobs."""
        return sum(
            caller_of(event.request) == caller
            and event.concurrency_id in self.queued
            and not self._is_job(event)
            for event in self._unfinished()
        )

    def _is_job(self, request: PredictBodyInternal | Event) -> bool:
        return bool(request.session_hash == getattr(self, "job_session", None))

    def _unfinished(self) -> Iterator[Event]:
        for line in self.event_queue_per_concurrency_id.values():
            yield from line.queue
        for events in self.active_jobs:
            yield from events or ()

    def _move_forward(self, event: Event, caller: str) -> None:
        """Moves an event, which Gradio has put at the end, behind those of its round."""
        line = self.event_queue_per_concurrency_id[event.concurrency_id].queue
        if event not in line:  # its result is cached
            return
        line.remove(event)
        own = (_round(other) for other in line if caller_of(other.request) == caller)
        event.round = max([self._rounds.get(event.concurrency_id, 0), *own]) + 1
        later = (index for index, other in enumerate(line) if _round(other) > event.round)
        line.insert(next(later, len(line)), event)


def _round(event: Event) -> int:
    return getattr(event, "round", 0)
