"""
Gradio 6.31: a proxy breaks its start, GRADIO_SERVER_NAME is IPv4, variables can open the server.
Without it: tests/gradio_internals/test_environment.py::test_proxies_of_the_environment_do_no_harm
Remove when: it ignores proxies for itself, accepts IPv6 names, and no variable opens the server.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from classifier.errors import SettingError

PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"})
# The app passes these on itself.
ADDRESS = frozenset({"GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"})
# What Gradio would do for everyone who reaches the server.
UNSAFE = {
    "GRADIO_ALLOWED_PATHS": "Gradio would serve these files to everyone",
    "GRADIO_DEBUG": "Gradio would keep the app from stopping in order",
    "GRADIO_LOCAL_DEV_MODE": "Gradio would serve its own development files",
    "GRADIO_PROFILING": "Gradio would tell everyone how long its functions take",
    "GRADIO_VIBE_MODE": "Gradio would let everyone change the code of the app",
    "GRADIO_WATCH_DIRS": "Gradio would let everyone follow changes of these files",
}
OFF = frozenset({"", "0", "false"})


def check(environment: Mapping[str, str]) -> None:
    """Raises SettingError if a variable makes Gradio serve more than the app does."""
    for name, reason in UNSAFE.items():
        value = environment.get(name, "")
        if value.strip().lower() not in OFF:
            raise SettingError(name, value, f"no value, because {reason}")


@contextmanager
def hidden_from_gradio() -> Iterator[None]:
    """Hides variables while Gradio is imported, and while it starts."""
    names = PROXIES | ADDRESS | UNSAFE.keys()  # to Gradio, "0" can mean on
    hidden = {name: os.environ.pop(name) for name in [*os.environ] if name.upper() in names}
    try:
        yield
    finally:
        os.environ.update(hidden)
