"""
Gradio 6.31: recomputes statistics over 10,000 past events whenever an event ends.
Without it: tests/gradio_internals/test_queue.py::test_no_statistics_are_computed
Remove when: Gradio computes them only if its monitoring page is enabled.
"""

import os

SETTINGS = {
    "GRADIO_ANALYTICS_MAX_EVENTS": "200",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",  # events between two computations
}


def disable_statistics() -> None:
    """Sets the variables that Gradio reads when it creates a queue, unless they are set."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
