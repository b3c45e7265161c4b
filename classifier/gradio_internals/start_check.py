"""
Gradio 6.31: ends the app at its start if its own page takes 3 s, as it can on a busy machine.
Without it: tests/gradio_internals/test_start_check.py::test_a_slow_first_page_does_not_end_the_app
Remove when: launch() gives its own page more time, or only warns.
"""

from typing import Any

NO_START_CHECK: dict[str, Any] = {"_frontend": False}
"""An argument of launch(): it does not request the page before it returns."""
