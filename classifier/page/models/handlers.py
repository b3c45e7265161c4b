"""What the tab Models asks the server."""

from collections.abc import AsyncGenerator
from itertools import cycle, islice
from typing import Any

import gradio

from classifier.endpoints.error_messages import with_error_messages, with_error_messages_in_stream
from classifier.endpoints.services import Services
from classifier.errors import PictureError
from classifier.page.inputs.handlers import PROGRESS, InputHandlers
from classifier.page.models import markup
from classifier.pictures.source import PictureSource

RUNS = 7  # of each model; the first one is slower than the others


class ModelsHandlers:
    def __init__(self, services: Services, inputs: InputHandlers) -> None:
        self._services = services
        self._inputs = inputs

    def table(self) -> str:
        """Returns the table of models as HTML."""
        classifier = self._services.classifier
        return markup.table(
            [
                (
                    model,
                    classifier.is_downloaded(model),
                    classifier.timings.median(model.name),
                )
                for model in classifier.catalogue.values()
            ]
        )

    @with_error_messages
    async def update(self) -> Any:
        """Updates the table."""
        return gradio.update(table=self.table())

    @with_error_messages
    async def download(self, model: str, progress: gradio.Progress = PROGRESS) -> Any:
        """Downloads the weights of a model, and then updates the table."""
        await self._inputs.download(model, progress)
        return gradio.update(table=self.table())

    @with_error_messages_in_stream
    async def measure(self) -> AsyncGenerator[Any]:
        """Runs each downloaded model a few times, and updates the table after each run."""
        classifier, gallery = self._services.classifier, self._services.gallery
        names = gallery.names()
        if not names:
            raise PictureError(gallery.empty_message())
        for model in filter(classifier.is_downloaded, classifier.catalogue.values()):
            for name in islice(cycle(names), RUNS):
                await self._services.low_priority.classify(
                    PictureSource(gallery.path(name), name), model
                )
                yield gradio.update(table=self.table())
