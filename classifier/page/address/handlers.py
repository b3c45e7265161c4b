"""Reads the address of the page."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from functools import partial
from typing import Any, TypeVar

import gradio

from classifier.endpoints.error_messages import with_error_messages
from classifier.endpoints.services import Services
from classifier.errors import ClassifierError
from classifier.page.address import markup
from classifier.pictures.edits import Edits

Result = TypeVar("Result")


class AddressHandlers:
    def __init__(self, services: Services) -> None:
        self._classifier = services.classifier

    @with_error_messages
    async def read(self, address: object) -> tuple[dict[str, Any], Any]:
        """Returns the valid values of the address, and a notice about those that are not."""
        query: Mapping[str, Any] = address if isinstance(address, Mapping) else {}
        problems: list[str] = []

        def read(name: str, find: Callable[[Any], Result]) -> Result | None:
            try:
                return find(query[name]) if name in query else None
            except ClassifierError as error:
                problems.append(str(error))
                return None

        picture = read("picture", lambda name: self._classifier.gallery.path(name).name)
        model = read("model", lambda name: self._classifier.model(name).name)
        edits = Edits()
        for field in fields(Edits):
            edits = read(field.name, partial(_add_edit, edits, field.name)) or edits
        values = {
            "picture": picture,
            "model": model,
            "edits": edits.values() if edits else None,
        }
        notice = gradio.update(value=markup.notice(problems), visible=True)
        return values, notice if problems else gradio.skip()


def _add_edit(edits: Edits, name: str, text: Any) -> Edits:
    value = text
    with suppress(TypeError, ValueError):
        value = float(text)
    return replace(edits, **{name: value})
