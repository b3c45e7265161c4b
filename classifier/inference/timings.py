"""How long predictions took on this machine."""

from collections import defaultdict, deque
from functools import partial
from statistics import median
from threading import Lock

MAX_TIMINGS = 101  # for each model; the oldest are dropped


class Timings:
    """The seconds that recent predictions of each model took, without waiting and loading."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, deque[float]] = defaultdict(
            partial(deque, maxlen=MAX_TIMINGS)
        )
        self._lock = Lock()

    def add(self, model: str, seconds: float) -> None:
        """Records the time of one prediction."""
        with self._lock:
            self._seconds[model].append(seconds)

    def median(self, model: str) -> float | None:
        """Returns the median time of a model, or None before its first prediction."""
        with self._lock:
            seconds = list(self._seconds.get(model, ()))
        return median(seconds) if seconds else None
