"""What the tab Compare asks the server."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import gradio

from classifier.endpoints.compare import compare_models
from classifier.endpoints.error_messages import with_error_messages, with_error_messages_in_stream
from classifier.endpoints.services import Services
from classifier.models.model import Model
from classifier.page.compare import markup
from classifier.page.inputs.handlers import edited_picture


class CompareHandlers:
    def __init__(self, services: Services) -> None:
        self._services = services

    @with_error_messages_in_stream
    async def table(
        self, name: object, own: object, edits: object, models: object
    ) -> AsyncGenerator[str]:
        """Yields the table of predictions as HTML whenever it changes."""
        source = await edited_picture(self._services, name, own, edits)
        async with aclosing(compare_models(self._services, source, models)) as updates:
            async for progress in updates:
                yield markup.comparison(source.name, progress)

    @with_error_messages
    async def update_choices(self) -> Any:
        """Updates the names of the models. It does not change which ones are ticked."""
        return gradio.update(choices=self.choices())

    def choices(self) -> list[tuple[str, str]]:
        """Returns the text and the name of each model."""
        return [
            (
                model.name
                if self._is_downloaded(model)
                else f"{model.name} (download {model.megabytes:.0f} MB)",
                model.name,
            )
            for model in self._services.classifier.ready_first()
        ]

    def downloaded(self) -> list[str]:
        """Returns the names of the models that need no download."""
        models = self._services.classifier.catalogue.values()
        return [model.name for model in models if self._is_downloaded(model)]

    def _is_downloaded(self, model: Model) -> bool:
        return self._services.classifier.is_downloaded(model)
