"""The description of a model, with everything that is needed to run it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor, nn

from classifier.models.weights import RemoteWeights


@dataclass(frozen=True)
class Model:
    """An image classifier that is not loaded yet.

    `accuracy` is the top-1 accuracy in 0-1, measured on the data set `evaluated_on`.
    `gigaflops` is the cost of one picture, in billions of multiply-add operations.
    `preprocess` turns an RGB picture into the input of the network, (3, height, width). Its
    first step resizes the shorter side of the picture to `resize_pixels`.
    `build` creates the network without weights, and `read` reads a state dictionary for it
    from the file of weights. That file is part of the repository or can be downloaded.
    """

    name: str
    labels: tuple[str, ...]
    parameters: int
    megabytes: float
    gigaflops: float
    accuracy: float
    evaluated_on: str
    preprocess: Callable[[Image.Image], Tensor]
    resize_pixels: int
    build: Callable[[], nn.Module]
    read: Callable[[Path], dict[str, Tensor]]
    weights: Path | RemoteWeights

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the preprocessed picture, (3, height, width)."""
        return tuple(self.preprocess(Image.new("RGB", (8, 8))).shape)
