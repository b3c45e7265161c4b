"""How long answers took here: what was measured, and nothing else."""

from collections import defaultdict, deque
from functools import partial
from statistics import median
from threading import Lock

KEPT = 101  # of each model; the oldest go


class Timings:
    """The seconds that the last answers of each model took, without waiting and loading."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, deque[float]] = defaultdict(partial(deque, maxlen=KEPT))
        self._lock = Lock()

    def add(self, model: str, seconds: float) -> None:
        """Takes down how long an answer took."""
        with self._lock:
            self._seconds[model].append(seconds)

    def median(self, model: str) -> float | None:
        """The middle one of the times of a model; None if it has not answered yet."""
        with self._lock:
            seconds = list(self._seconds.get(model, ()))
        return median(seconds) if seconds else None
