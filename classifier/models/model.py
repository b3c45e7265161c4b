"""The description of a model, with everything that is needed to run it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from PIL import Image
from torch import Tensor, nn

from classifier.models.onnx_network import OnnxNetwork
from classifier.models.weights import Weights


class TorchNetwork(Protocol):
    """A network of torch whose weights are in a file."""

    def load(self, weights: Path) -> nn.Module:
        """Returns the network in evaluation mode, from pictures (N, 3, height, width) to scores.

        Every exception means that the weights do not fit the network.
        """


@dataclass(frozen=True)
class StateDict:
    """A network of torch and a file with its state dictionary.

    `build` creates the network without weights, and `read` reads the state dictionary.
    """

    build: Callable[[], nn.Module]
    read: Callable[[Path], dict[str, Tensor]]

    def load(self, weights: Path) -> nn.Module:
        network = self.build()
        network.load_state_dict(self.read(weights))
        return network.eval()


@dataclass(frozen=True)
class Preprocessing:
    """What happens to a picture before the network sees it.

    `apply` turns an RGB picture into the input of the network, (3, height, width). First it
    resizes the picture. With the fit "crop", the shorter side becomes `resize_pixels`, and the
    middle is cut out. With "squash", both sides become the size of the input. With "pad", the
    whole picture fits into the input, with a border around it.
    """

    apply: Callable[[Image.Image], Tensor]
    resize_pixels: int
    fit: Literal["crop", "squash", "pad"] = "crop"


@dataclass(frozen=True)
class Model:
    """An image classifier that is not loaded yet.

    `description` is a sentence about what the model is good for. `accuracy` is the top-1
    accuracy in 0-1, measured on the data set `evaluated_on`. `gigaflops` is the cost of one
    picture, in billions of multiply-add operations. They are None if nobody has published them.
    """

    name: str
    description: str
    labels: tuple[str, ...]
    parameters: int
    megabytes: float
    preprocessing: Preprocessing
    network: TorchNetwork | OnnxNetwork
    weights: Weights
    gigaflops: float | None = None
    accuracy: float | None = None
    evaluated_on: str = ""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the preprocessed picture, (3, height, width)."""
        return tuple(self.preprocessing.apply(Image.new("RGB", (8, 8))).shape)
