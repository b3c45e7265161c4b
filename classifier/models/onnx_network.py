"""The description of a network that is an ONNX file."""

from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray


@dataclass(frozen=True)
class OnnxNetwork:
    """A network in ONNX format.

    `input` and `output` are names in the file, and `type` is the type of the input's numbers. The
    layout of the input is NCHW, NHWC or flat, which is NHWC in a single row. The output holds a
    number for each label: probabilities, or scores if `is_scores`.
    """

    input: str
    output: str
    type: str
    layout: str
    is_scores: bool

    def arrange(self, picture: NDArray[Any]) -> NDArray[Any]:
        """Returns the input for a preprocessed picture (channels, height, width)."""
        arranged = picture if self.layout == "NCHW" else picture.transpose(1, 2, 0)
        if self.layout == "flat":
            arranged = arranged.reshape(-1)
        return numpy.ascontiguousarray(arranged[numpy.newaxis], self.type)
