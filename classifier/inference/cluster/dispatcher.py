"""The dispatcher: what waits at the same time travels to a replica as one call."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from classifier.errors import ClassifierError
from classifier.inference.cluster.messages import Done, FromLink, Lost, Picture, Progress, Request
from classifier.inference.prediction import Prediction

log = logging.getLogger(__name__)

# A call costs about 17 ms of processor time, as much as several small pictures.
MAX_PICTURES = 16  # in one call
MAX_BYTES = 32 << 20  # in one call, unless a single picture has more
# The first picture of a call waits for the last one.
MAX_SECONDS = 0.2  # in one call
# One call runs while the next one is on its way.
CALLS = 2  # to each replica at the same time


class Replicas(Protocol):
    """The calls to replicas. Every exception means that the replica has failed."""

    async def classify(
        self, model: str, pictures: Sequence[Picture]
    ) -> list[Prediction | ClassifierError]: ...

    def follow(self, request: Request) -> Any:
        """Iterates over the fractions of a download or an explanation, and its result."""

    async def preload(self, model: str) -> None: ...


class Dispatcher:
    """Groups the requests for each model into calls, and answers them through `send`.

    Requests wait here, in their order, while all replicas have as many calls as they should.
    A request that was lost before travels alone, because it may be what kills the replicas.
    """

    def __init__(self, replicas: Replicas, send: Callable[[FromLink], None]) -> None:
        self._replicas = replicas
        self._send = send
        self._count = 0
        self._calls = 0
        self._waiting: deque[Request] = deque()
        self._seconds: dict[str, float] = {}  # of one picture, by model
        self._running: dict[int, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._scheduled = False

    def set_replicas(self, count: int) -> None:
        """Sets the number of replicas that accept calls."""
        self._count = count
        self._schedule()

    @property
    def capacity(self) -> int:
        """How many pictures all replicas can take at the same time."""
        return self._count * CALLS * MAX_PICTURES

    def add(self, request: Request) -> None:
        """Accepts a request."""
        match request.work:
            case "preload":
                self._start(self._preload(request.model))
            case "download":
                self._start(self._follow(request))
            case _:
                self._waiting.append(request)
                self._schedule()

    def cancel(self, id: int) -> None:
        """Drops a request that waits, and stops an explanation; a group runs on."""
        self._waiting = deque(request for request in self._waiting if request.id != id)
        if task := self._running.get(id):
            task.cancel()

    def _schedule(self) -> None:
        """Dispatches soon: what arrives until then can travel in the same call."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._scheduled = False
        while self._waiting and self._calls < self._count * CALLS:
            group = self._next_group()
            self._calls += 1
            if group[0].work == "explain":
                self._explain(group[0])
            else:
                self._start(self._limited(self._classify(group)))

    def _explain(self, request: Request) -> None:
        task = self._running[request.id] = self._start(self._limited(self._follow(request)))
        task.add_done_callback(lambda _: self._running.pop(request.id, None))

    def _next_group(self) -> list[Request]:
        first = self._waiting.popleft()
        if first.work == "explain" or first.tries:
            return [first]
        similar = [
            request
            for request in self._waiting
            if request.work == first.work and request.model == first.model and not request.tries
        ]
        free = self._count * CALLS - self._calls
        size = min(math.ceil((1 + len(similar)) / free), self._most(first.model))
        group, volume = [first], len(first.picture.content)
        for request in similar[: size - 1]:
            volume += len(request.picture.content)
            if volume > MAX_BYTES:
                break
            group.append(request)
        chosen = {request.id for request in group}
        self._waiting = deque(request for request in self._waiting if request.id not in chosen)
        return group

    def _most(self, model: str) -> int:
        """Returns how many pictures a call for a model should have at most."""
        seconds = self._seconds.get(model, 0.0)
        return max(1, min(MAX_PICTURES, int(MAX_SECONDS / seconds))) if seconds else MAX_PICTURES

    async def _limited(self, call: Coroutine[Any, Any, None]) -> None:
        try:
            await call
        finally:
            self._calls -= 1
            self._schedule()

    def _start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _classify(self, group: Sequence[Request]) -> None:
        model = group[0].model
        try:
            outcomes = await self._replicas.classify(model, [request.picture for request in group])
        except Exception as error:  # Ray has many, and all of them mean the same here
            self._lose(group, error)
            return
        for request, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, Prediction):
                known = self._seconds.get(model, outcome.seconds)
                self._seconds[model] = 0.9 * known + 0.1 * outcome.seconds
            self._send(Done(request.id, outcome))

    async def _follow(self, request: Request) -> None:
        try:
            async for value in self._replicas.follow(request):
                if isinstance(value, float) and not (request.work == "download" and value == 1):
                    self._send(Progress(request.id, value))
                else:
                    result = None if isinstance(value, float) else value
                    self._send(Done(request.id, result))
                    return
            raise EOFError("the replica ended its answer too early")
        except Exception as error:
            self._lose([request], error)

    def _lose(self, group: Sequence[Request], error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        log.warning("A call with %d pictures was lost with its replica. %s", len(group), reason)
        for request in group:
            self._send(Lost(request.id))

    async def _preload(self, model: str) -> None:
        try:
            await self._replicas.preload(model)
        except Exception:
            return  # the first request loads the model, or tells what is wrong
