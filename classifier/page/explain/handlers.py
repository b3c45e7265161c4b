"""What the tab Explain asks the server."""

import asyncio

import gradio

from classifier.endpoints.error_messages import with_error_messages
from classifier.endpoints.services import Services
from classifier.inference.explanation import Explanation
from classifier.inference.heatmaps import colour_layer
from classifier.page.data_url import data_url
from classifier.page.explain import markup
from classifier.page.inputs.handlers import PROGRESS, edited_picture


class ExplainHandlers:
    def __init__(self, services: Services) -> None:
        self._services = services

    @with_error_messages
    async def view(
        self,
        name: object,
        own: object,
        edits: object,
        model: str,
        progress: gradio.Progress = PROGRESS,
    ) -> str:
        """Returns the picture with the heatmaps of its five labels, as HTML."""
        source = await edited_picture(self._services, name, own, edits)

        def draw(explanation: Explanation) -> str:
            layers = [data_url(colour_layer(result.heatmap)) for result in explanation.heatmaps]
            return markup.explanation(explanation, data_url(explanation.picture), layers)

        classifier = self._services.classifier
        explanation = await classifier.explain(
            source,
            classifier.model(model),
            report=lambda fraction: progress(fraction, desc=f"Explaining {model}"),
        )
        return await asyncio.to_thread(draw, explanation)
