"""What the page asks about, for every tab that asks."""

from dataclasses import dataclass
from typing import Any

import gradio

from classifier.interface.picture import Picture

# For what is answered at once: it takes no place in the queue and shows no progress.
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# For what may take a moment or go wrong, and runs no model: of what takes no place in the
# queue the browser does not tell the error. All that runs at once, whatever it is, has to fit
# into `server.JOBS_AT_ONCE`: else those who look on would leave no room for what they look at.
ASIDE: dict[str, Any] = {
    "concurrency_id": "aside",
    "concurrency_limit": 500,
    "show_progress": "hidden",
    "api_visibility": "private",
}
FETCH: dict[str, Any] = {
    "concurrency_id": "fetch",
    "concurrency_limit": 20,
    "api_visibility": "private",
}


def at_end(event: Any) -> tuple[Any, Any]:
    """What to call for something to be done when an event has ended, however it ended.

    Gradio's `then` alone leaves out the event that failed.
    """
    return event.then, event.failure


@dataclass(frozen=True)
class Question:
    """The components of the left column, and the edits, which have a tab of their own.

    `picture` is the name of one of the gallery, or None where `own` is asked about.
    """

    picture: gradio.Dropdown
    own: Picture
    edits: gradio.HTML
    model: gradio.Dropdown
    facts: gradio.HTML
    classify: gradio.Button
    cancel: gradio.Button

    @property
    def source(self) -> list[gradio.components.Component]:
        """The inputs that `Endpoints.asked` turns into the picture that is asked about."""
        return [self.picture, self.own, self.edits]

    @property
    def changes(self) -> list[Any]:
        """The events after which another question is asked than before.

        The preview changes also when the picture does, but later: perhaps after the answer.
        """
        return [
            self.picture.change,
            self.own.input,
            self.own.clear,
            self.edits.change,
            self.model.change,
        ]
