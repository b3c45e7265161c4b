"""Settings and small scripts that the events of all tabs share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio

from classifier.endpoints.endpoint import limit
from classifier.gradio_internals.javascript_updates import DISABLE, ENABLE, KEEP

MAX_BACKGROUND = 500
MAX_DOWNLOADS = 20

_PRIVATE: dict[str, Any] = {"api_visibility": "private", "preprocess": False}
"""Handlers get values as the browser sends them, and check them as endpoints do."""

IMMEDIATE: dict[str, Any] = {"queue": False, "show_progress": "hidden", **_PRIVATE}
"""For handlers that answer immediately, without a place in the queue."""

BACKGROUND: dict[str, Any] = {
    "show_progress": "hidden",
    **limit("background", MAX_BACKGROUND),
    **_PRIVATE,
}
"""For handlers that wait for something or can fail: browsers show only errors of queued events."""

DOWNLOAD: dict[str, Any] = {**limit("download", MAX_DOWNLOADS), **_PRIVATE}
"""For handlers that download the weights of a model, and show the progress."""

SAME = "value => value"
NULL = "() => null"
EMPTY = "() => ''"
ENABLE_BUTTON = f"() => {ENABLE}"
DISABLE_BUTTON = f"() => {DISABLE}"


def queued(concurrency_id: str, most: int) -> dict[str, Any]:
    """Returns the settings of other queued handlers: at most this many run at the same time."""
    return {**limit(concurrency_id, most), **_PRIVATE}


def when_finished(event: Any) -> tuple[Any, Any]:
    """Returns the listeners for the end of an event, whether it succeeded or failed.

    Gradio's `then` alone does not run after a failure.
    """
    return event.then, event.failure


# Identifies a request by its inputs. An uploaded picture counts only if none is chosen.
REQUEST = """(picture, own, edits, model) =>
  JSON.stringify([picture, picture === null ? own?.path : null, edits, model])"""


class CurrentResult:
    """Shows a result only while the inputs are those of the request.

    Handlers write to `result`, which is hidden. `shown` is the component that displays it, and
    `invitation` a JavaScript function from the inputs to the HTML without a result. `request`
    holds the inputs of the last request, because the change of an input can be reported later
    than the click that follows it.
    """

    def __init__(
        self,
        shown: gradio.HTML,
        inputs: Sequence[gradio.components.Component],
        invitation: str,
    ) -> None:
        self._shown = shown
        self._inputs = list(inputs)
        self._invitation = invitation
        self.result = gradio.Text(visible="hidden")
        self.request = gradio.Text(visible="hidden")
        self.pass_on(self.result, shown)

    def pass_on(self, hidden: gradio.Text, shown: gradio.components.Component) -> None:
        """Copies each new value of a hidden component, while the inputs are unchanged."""
        hidden.change(
            None,
            [hidden, self.request, *self._inputs],
            shown,
            js=f"(value, request, ...inputs) => "
            f"value && request === ({REQUEST})(...inputs) ? value : {KEEP}",
        )

    def expect(self, event: Any) -> None:
        """Starts a new request with this event."""
        event(
            None,
            self._inputs,
            [self.result, self.request],
            js=f"(...inputs) => ['', ({REQUEST})(...inputs)]",
        )

    def discard(self, event: Any, *emptied: gradio.Text) -> None:
        """Ends the request with this event, shows the invitation and empties components."""
        event(
            None,
            self._inputs,
            [self._shown, self.request, *emptied],
            js=f"(...inputs) => [({self._invitation})(...inputs), ''{', ' * bool(emptied)}"
            f"{', '.join(len(emptied) * [repr('')])}]",
        )

    def discard_if_changed(self, event: Any, *emptied: gradio.Text) -> None:
        """Discards like `discard`, if the inputs are no longer those of the request."""
        kept = ", ".join((2 + len(emptied)) * [KEEP])
        event(
            None,
            [self.request, *self._inputs],
            [self._shown, self.request, *emptied],
            js=f"(request, ...inputs) => request === ({REQUEST})(...inputs) ? [{kept}] : "
            f"[({self._invitation})(...inputs), ''{', ' * bool(emptied)}"
            f"{', '.join(len(emptied) * [repr('')])}]",
        )


def script(file: Path) -> str:
    """Returns the JavaScript of a component, with the functions of newest_value.js before it."""
    return Path(__file__).with_name("newest_value.js").read_text() + file.read_text()
