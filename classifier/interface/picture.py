"""The preview, which also takes a picture of one's own."""

from abc import ABCMeta
from typing import Any

import gradio
from gradio.component_meta import ComponentMeta
from gradio.data_classes import ImageData


class _Made(ComponentMeta):
    """Makes a component without the .pyi file that Gradio would write beside its source."""

    def __new__(cls, *values: Any) -> Any:
        return ABCMeta.__new__(cls, *values)


class Picture(gradio.Image, metaclass=_Made):
    """gr.Image that hands over the uploaded file itself, as it came.

    Gradio's own decodes it, and encodes it anew: another picture, to a model.
    """

    def preprocess(self, payload: ImageData | None) -> dict[str, Any] | None:
        """The file as programs name one, or None if there is none."""
        return None if payload is None else payload.model_dump()

    def get_block_name(self) -> str:
        """To the browser it is gr.Image."""
        return "image"
