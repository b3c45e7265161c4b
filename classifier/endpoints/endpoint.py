"""An endpoint, and how it is queued."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Endpoints with the same ID share one limit of events that run at the same time.
INFERENCE = "inference"
COMPARE = "compare"
BATCH = "batch"
EDIT = "edit"
LIMITED = frozenset({INFERENCE, COMPARE, BATCH, EDIT})
MAX_COMPARISONS = 16
MAX_BATCHES = 8
MAX_EDITS = 2


@dataclass(frozen=True)
class Endpoint:
    """A function with its public name, and the queue settings of `gradio.api`."""

    name: str
    function: Callable[..., Any]
    queueing: dict[str, Any]


def limit(concurrency_id: str, most: int) -> dict[str, Any]:
    """Returns queue settings: at most this many events with the ID run at the same time."""
    return {"concurrency_id": concurrency_id, "concurrency_limit": most}


NOT_QUEUED: dict[str, Any] = {"queue": False}
