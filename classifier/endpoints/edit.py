"""Pictures changed, and the histograms of both."""

import base64
import io
from typing import Any, Literal, TypedDict

import gradio
from gradio import FileData
from PIL import Image

from classifier import images
from classifier.edits import LONGEST, Edits, Histogram, fit, histogram
from classifier.endpoints.core import EDITS_AT_ONCE, Endpoints, Source, told
from classifier.markup import edit as markup

__all__ = ["EDITS_AT_ONCE", "Edit", "Histograms"]

SHOWN = 640  # pixels a side at most, in the page


class Histograms(TypedDict):
    """The histogram of a picture, and of what it became."""

    original: Histogram
    edited: Histogram


class Edit:
    """The endpoints that change pictures, beside those that look at them."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints

    @told
    async def transform(
        self,
        image: str | FileData,
        colour: float = 1.0,
        brightness: float = 1.0,
        contrast: float = 1.0,
        sharpness: float = 1.0,
        rotation: float = 0.0,
        flip: Literal["none", "horizontal", "vertical"] = "none",
    ) -> FileData:
        """A picture with other colours, brightness, contrast, sharpness, turned or flipped.

        Parameters:
            image: Name of a picture in the gallery, or a file: in Python handle_file("a.jpg")
            colour: From 0 (gray) over 1 (as it is) to 3 (three times as colourful)
            brightness: From 0 (black) over 1 (as it is) to 3
            contrast: From 0 (even gray) over 1 (as it is) to 3
            sharpness: From 0 (soft) over 1 (as it is) to 3
            rotation: Degrees clockwise, from -180 to 180; what it lays bare becomes white
            flip: Swaps left and right (horizontal) or top and bottom (vertical)
        Returns:
            A PNG, 1,024 pixels a side at most before it is turned; removed within an hour
        """
        edits = Edits(colour, brightness, contrast, sharpness, rotation, flip)
        source = await self._endpoints.edited(self._endpoints.source(image), edits)
        return FileData(path=str(self._endpoints.kept(source)), mime_type="image/png")

    @told
    async def histogram(
        self,
        image: str | FileData,
        colour: float = 1.0,
        brightness: float = 1.0,
        contrast: float = 1.0,
        sharpness: float = 1.0,
        rotation: float = 0.0,
        flip: Literal["none", "horizontal", "vertical"] = "none",
    ) -> Histograms:
        """How many pixels have each value, in red, green, blue and luminance.

        Parameters:
            image: Name of a picture in the gallery, or a file: in Python handle_file("a.jpg")
            colour: From 0 (gray) over 1 (as it is) to 3 (three times as colourful)
            brightness: From 0 (black) over 1 (as it is) to 3
            contrast: From 0 (even gray) over 1 (as it is) to 3
            sharpness: From 0 (soft) over 1 (as it is) to 3
            rotation: Degrees clockwise, from -180 to 180; what it lays bare becomes white
            flip: Swaps left and right (horizontal) or top and bottom (vertical)
        Returns:
            256 counts for each, of the picture and of what the edits make of it, both
            1,024 pixels a side at most
        """
        edits = Edits(colour, brightness, contrast, sharpness, rotation, flip)
        source = self._endpoints.source(image)

        def both() -> Histograms:
            original, edited = _both(source, edits)
            return {"original": histogram(original), "edited": histogram(edited)}

        return await self._endpoints.work(both)

    @told
    async def view(self, image: object, own: object, edits: object) -> Any:
        """The picture before and after, and both histograms, as the page shows them."""
        if image is None and own is None:
            return gradio.skip()
        chosen = Edits.from_values(edits)
        source = self._endpoints.unedited(image, own)

        def draw() -> str:
            original, edited = _both(source, chosen)
            return markup.view(
                (data_url(original), histogram(original)),
                (data_url(edited), histogram(edited)),
                chosen,
            )

        return await self._endpoints.work(draw)


def _both(source: Source, edits: Edits) -> tuple[Image.Image, Image.Image]:
    original = fit(images.read(source.content, source.name, LONGEST))
    return original, edits.apply(original)


def data_url(picture: Image.Image) -> str:
    """The picture, smaller if it is large, as an address that holds it: nothing is kept."""
    shown = picture.copy()
    shown.thumbnail((SHOWN, SHOWN))
    content = io.BytesIO()
    shown.save(content, "WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()
