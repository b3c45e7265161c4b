"""What the tab Edit asks the server."""

from typing import Any

import gradio

from classifier.endpoints.edit import before_and_after
from classifier.endpoints.error_messages import with_error_messages
from classifier.endpoints.services import Services
from classifier.page.data_url import data_url
from classifier.page.edit import markup
from classifier.page.inputs.handlers import chosen_picture
from classifier.pictures.edits import Edits, histogram


class EditHandlers:
    def __init__(self, services: Services) -> None:
        self._services = services

    @with_error_messages
    async def view(self, name: object, own: object, edits: object) -> Any:
        """Returns the picture before and after the edits, with both histograms, as HTML."""
        if name is None and own is None:
            return gradio.skip()
        chosen = Edits.from_values(edits)
        source = chosen_picture(self._services, name, own)

        def draw() -> str:
            original, edited = before_and_after(source, chosen)
            return markup.view(
                (data_url(original), histogram(original)),
                (data_url(edited), histogram(edited)),
                chosen,
            )

        return await self._services.editor.run(draw)
