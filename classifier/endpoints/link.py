"""An address that opens the page with a picture, a model and edits."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from functools import partial
from typing import Any, TypeVar

import gradio

from classifier import markup
from classifier.edits import Edits
from classifier.endpoints.core import Endpoints, told
from classifier.errors import ClassifierError

Result = TypeVar("Result")


class Link:
    """What the address of a page asks for."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._classifier = endpoints.classifier

    @told
    async def follow(self, request: gradio.Request) -> tuple[Any, Any, Any, Any]:
        """The picture, the model and the edits that the address names, and a notice.

        What it does not name stays as it is. So does what it names wrongly, and the notice
        says so.
        """
        asked: Mapping[str, str] = request.query_params
        wrong: list[str] = []

        def read(name: str, find: Callable[[str], Result]) -> Result | None:
            try:
                return find(asked[name]) if name in asked else None
            except ClassifierError as error:
                wrong.append(str(error))
                return None

        picture = read("picture", lambda name: self._classifier.gallery.path(name).name)
        model = read("model", lambda name: self._classifier.model(name).name)
        edits = Edits()
        for field in fields(Edits):
            edits = read(field.name, partial(_edited, edits, field.name)) or edits
        return (
            picture or gradio.skip(),
            model or gradio.skip(),
            edits.values() if edits else gradio.skip(),
            gradio.update(value=markup.notice(wrong), visible=True) if wrong else gradio.skip(),
        )


def _edited(edits: Edits, name: str, text: str) -> Edits:
    """The edits with one more, which a text names."""
    value: Any = text
    with suppress(ValueError):
        value = float(text)
    return replace(edits, **{name: value})
