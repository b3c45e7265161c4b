"""
Gradio 6.31: a proxy breaks its import and its start; takes GRADIO_SERVER_NAME for an IPv4 address.
Without it: tests/gradio_internals/test_environment.py::test_proxies_of_the_environment_do_no_harm
Remove when: Gradio ignores proxies for requests to itself, and GRADIO_SERVER_NAME can be IPv6.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
# The app passes these on itself.
ADDRESS = frozenset({"GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"})


@contextmanager
def hidden_from_gradio() -> Iterator[None]:
    """Hides variables while Gradio is imported, and while it starts."""
    hidden = {
        name: os.environ.pop(name) for name in [*os.environ] if name.upper() in PROXIES | ADDRESS
    }
    try:
        yield
    finally:
        os.environ.update(hidden)
