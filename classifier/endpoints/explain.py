"""Where a model looked."""

import asyncio
import io
import re
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Any, TypedDict, TypeVar

import gradio
from gradio import FileData

from classifier.download import Report, ignore
from classifier.endpoints.core import POLL_SECONDS, PROGRESS, Endpoints, Source, told
from classifier.endpoints.edit import data_url
from classifier.explain import Explanation, Heat, check, explain
from classifier.heat import layer, overlay
from classifier.markup import explain as markup

DECIMALS = 3
Result = TypeVar("Result")


class Box(TypedDict):
    """A part of a picture, in parts of its width and height from the top left corner."""

    left: float
    top: float
    right: float
    bottom: float


class Explained(TypedDict):
    """What speaks for a label: `map` has rows of what the model saw, each value in 0-1."""

    label: str
    probability: float
    map: list[list[float]]
    overlay: FileData


class ExplanationRecord(TypedDict):
    """A prediction, and what speaks for its labels."""

    model: str
    image: str
    predictions: list[dict[str, Any]]
    seconds: float
    view: Box
    explanations: list[Explained]


class Explain:
    """The endpoints that show where a model looked, beside those that ask it."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    @told
    async def explain(
        self, image: str | FileData, model: str, label: str | None = None
    ) -> ExplanationRecord:
        """Where a model looked: a heat map over the picture for each of its five likeliest labels.

        Parameters:
            image: Name of a picture in the gallery, or a file: in Python handle_file("a.jpg")
            model: Name of a model, one of those that /info lists; fetched when first used
            label: One label that the model knows, to explain it alone; null for the five
        Returns:
            The answer of /classify; the view, the part of the picture that the model saw; and
            for each label explained a map of the view, 0 (nothing there speaks for it) to 1
            (most does), and a picture with the map over it, removed within an hour
        """
        source = self._endpoints.source(image)
        explanation, files = await self._explain(
            source, model, label, lambda explanation: (explanation, self._overlays(explanation))
        )
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
                    "label": heat.label,
                    "probability": round(heat.probability, 6),
                    "map": [[round(place, DECIMALS) for place in row] for row in heat.places],
                    "overlay": file,
                }
                for heat, file in zip(explanation.heats, files, strict=True)
            ],
        }

    @told
    async def view(
        self,
        image: object,
        own: object,
        edits: object,
        model: str,
        progress: gradio.Progress = PROGRESS,
    ) -> str:
        """The picture under the heat of each of five labels, as the page shows it."""
        source = await self._endpoints.asked(image, own, edits)

        def draw(explanation: Explanation) -> str:
            layers = [data_url(layer(heat.places)) for heat in explanation.heats]
            return markup.explanation(explanation, data_url(explanation.picture), layers)

        return await self._explain(
            source, model, None, draw, lambda part: progress(part, desc=f"Looking through {model}")
        )

    async def _explain(
        self,
        source: Source,
        model: str,
        label: object,
        draw: Callable[[Explanation], Result],
        report: Report = ignore,
    ) -> Result:
        """What is drawn of an explanation, both in one turn.

        Cancelled, a question costs nothing more, but for the label that is at hand.
        """
        classifier = self._endpoints.classifier
        chosen = classifier.model(model)
        known = None if label is None else check(label, chosen)
        await self._endpoints.begin(chosen)
        done, stopped = 0.0, False

        def note(part: float) -> None:
            nonlocal done
            done = part
            if stopped:
                raise CancelledError

        def work() -> Result:
            return draw(explain(classifier, source.content, source.name, chosen, known, note))

        turn = classifier.in_turn(work)
        waiting = asyncio.wrap_future(turn)
        try:
            while not waiting.done():
                report(done)
                await asyncio.wait([waiting], timeout=POLL_SECONDS)
            return await waiting
        finally:
            stopped = True
            turn.cancel()

    def _overlays(self, explanation: Explanation) -> list[FileData]:
        return [self._overlay(heat, explanation) for heat in explanation.heats]

    def _overlay(self, heat: Heat, explanation: Explanation) -> FileData:
        content = io.BytesIO()
        overlay(explanation.picture, heat.places, explanation.view).save(
            content, "JPEG", quality=90
        )
        name = re.sub(r"\W+", "-", f"{explanation.prediction.model}-{heat.label}")
        return FileData(path=str(self._endpoints.uploads.keep(content.getvalue(), f"{name}.jpg")))
