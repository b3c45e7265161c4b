"""Editing pictures: /transform and /histogram."""

from typing import Literal, TypedDict

from gradio import FileData
from PIL import Image

from classifier.endpoints.endpoint import EDIT, MAX_EDITS, Endpoint, limit
from classifier.endpoints.error_messages import with_error_messages
from classifier.endpoints.services import Services
from classifier.pictures.decoding import decode
from classifier.pictures.edits import MAX_SIDE, Edits, Histogram, histogram, limit_size
from classifier.pictures.source import PictureSource


class Histograms(TypedDict):
    """The histograms of a picture before and after the edits."""

    original: Histogram
    edited: Histogram


def endpoints(services: Services) -> list[Endpoint]:
    """Returns the endpoints of this module."""
    edit = Edit(services)
    queueing = limit(EDIT, MAX_EDITS)
    return [
        Endpoint("transform", edit.transform, queueing),
        Endpoint("histogram", edit.histogram, queueing),
    ]


class Edit:
    def __init__(self, services: Services) -> None:
        self._services = services

    @with_error_messages
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
        """A picture with other colours, brightness, contrast, sharpness, rotated or flipped.

        Parameters:
            image: Name of a picture in the gallery, or a file: in Python handle_file("a.jpg")
            colour: From 0 (grey) to 3 (three times as colourful); 1 changes nothing
            brightness: From 0 (black) to 3; 1 changes nothing
            contrast: From 0 (uniform grey) to 3; 1 changes nothing
            sharpness: From 0 (blurred) to 3; 1 changes nothing
            rotation: Degrees clockwise, from -180 to 180; the corners become white
            flip: Swaps left and right (horizontal) or top and bottom (vertical)
        Returns:
            A PNG of at most 1,024 pixels a side before rotation; deleted within an hour
        """
        edits = Edits(colour, brightness, contrast, sharpness, rotation, flip)
        source = await self._services.editor.edit(self._services.picture(image), edits)
        file = self._services.uploads.save_edited(source)
        return FileData(path=str(file), mime_type="image/png")

    @with_error_messages
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
        """The number of pixels with each value, in red, green, blue and luminance.

        Parameters:
            image: Name of a picture in the gallery, or a file: in Python handle_file("a.jpg")
            colour: From 0 (grey) to 3 (three times as colourful); 1 changes nothing
            brightness: From 0 (black) to 3; 1 changes nothing
            contrast: From 0 (uniform grey) to 3; 1 changes nothing
            sharpness: From 0 (blurred) to 3; 1 changes nothing
            rotation: Degrees clockwise, from -180 to 180; the corners become white
            flip: Swaps left and right (horizontal) or top and bottom (vertical)
        Returns:
            256 counts for each channel, of the picture and of the edited picture, both with
            at most 1,024 pixels a side
        """
        edits = Edits(colour, brightness, contrast, sharpness, rotation, flip)
        source = self._services.picture(image)

        def work() -> Histograms:
            original, edited = before_and_after(source, edits)
            return {"original": histogram(original), "edited": histogram(edited)}

        return await self._services.editor.run(work)


def before_and_after(source: PictureSource, edits: Edits) -> tuple[Image.Image, Image.Image]:
    """Returns the picture before and after the edits, both limited to MAX_SIDE pixels."""
    original = limit_size(decode(source.content, source.name, MAX_SIDE))
    return original, edits.apply(original)
