"""Explaining a prediction: /explain."""

import asyncio
import io
import re
from typing import Any, TypedDict

from gradio import FileData

from classifier.endpoints.endpoint import INFERENCE, Endpoint, limit
from classifier.endpoints.error_messages import with_error_messages
from classifier.endpoints.services import Services
from classifier.inference.explanation import Explanation, LabelHeatmap
from classifier.inference.heatmaps import overlay

DECIMALS = 3


class Box(TypedDict):
    """A part of a picture, as fractions of its width and height from the top left corner."""

    left: float
    top: float
    right: float
    bottom: float


class LabelExplanation(TypedDict):
    """The explanation of a label: `map` has rows that cover the view, with values in 0-1."""

    label: str
    probability: float
    map: list[list[float]]
    overlay: FileData


class ExplanationRecord(TypedDict):
    """A prediction, and the explanations of its labels."""

    model: str
    image: str
    predictions: list[dict[str, Any]]
    seconds: float
    view: Box
    explanations: list[LabelExplanation]


def endpoints(services: Services) -> list[Endpoint]:
    """Returns the endpoints of this module."""
    explanations = Explain(services)
    queueing = limit(INFERENCE, services.classifier.capacity)
    return [Endpoint("explain", explanations.explain, queueing)]


class Explain:
    def __init__(self, services: Services) -> None:
        self._services = services

    @with_error_messages
    async def explain(
        self, image: str | FileData, model: str, label: str | None = None
    ) -> ExplanationRecord:
        """Where a model looked: a heatmap over the picture for each of its five likeliest labels.

        Parameters:
            image: Name of a picture in the gallery, or a file: in Python handle_file("a.jpg")
            model: Name of a model; /info lists them. It is downloaded when it is first used
            label: One label of the model, to explain only that label; null for the five
        Returns:
            The result of /classify; the view, which is the part of the picture that the model
            used; and for each label a map of the view from 0 (no support for the label) to 1
            (most support), and a picture with the map on top, deleted within an hour
        """
        source = self._services.picture(image)
        classifier = self._services.classifier
        explanation = await classifier.explain(source, classifier.model(model), label)
        files = await asyncio.to_thread(self._overlays, explanation)
        view = explanation.view
        return {
            **explanation.prediction.record(),
            "view": {
                "left": round(view.left, 6),
                "top": round(view.top, 6),
                "right": round(view.right, 6),
                "bottom": round(view.bottom, 6),
            },
            "explanations": [
                {
                    "label": result.label,
                    "probability": round(result.probability, 6),
                    "map": [[round(value, DECIMALS) for value in row] for row in result.heatmap],
                    "overlay": file,
                }
                for result, file in zip(explanation.heatmaps, files, strict=True)
            ],
        }

    def _overlays(self, explanation: Explanation) -> list[FileData]:
        return [self._overlay(result, explanation) for result in explanation.heatmaps]

    def _overlay(self, result: LabelHeatmap, explanation: Explanation) -> FileData:
        content = io.BytesIO()
        picture = overlay(explanation.picture, result.heatmap, explanation.view)
        picture.save(content, "JPEG", quality=90)
        name = re.sub(r"\W+", "-", f"{explanation.prediction.model}-{result.label}")
        return FileData(path=str(self._services.uploads.save(content.getvalue(), f"{name}.jpg")))
