"""`tiny`, the model that is part of the repository.

Its labels and facts come from the header of its file of weights, so they cannot get out of
step with the weights. `training/` contains the recipe that produced it.
"""

import json
from functools import partial
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file
from torchvision.models import get_model_weights
from torchvision.transforms._presets import ImageClassification

from classifier.models.bundled.network import TinyNet
from classifier.models.model import Model

NAME = "tiny"
FILE = Path(__file__).parent / "bundled" / "tiny.safetensors"
GIGAFLOPS = 0.144  # Counting takes half a second, so a test does it instead.


def load(file: Path = FILE) -> Model:
    """Returns the bundled model."""
    with safe_open(file, framework="pt") as opened:
        facts = json.loads(opened.metadata()["facts"])
    categories = get_model_weights("resnet18").DEFAULT.meta["categories"]
    labels = tuple(categories[number] for number in facts["imagenet_classes"])
    return Model(
        name=NAME,
        labels=labels,
        parameters=facts["parameters"],
        megabytes=file.stat().st_size / (1 << 20),
        gigaflops=GIGAFLOPS,
        accuracy=facts["accuracy"],
        evaluated_on="Tiny ImageNet",
        preprocess=ImageClassification(crop_size=facts["pixels"], resize_size=facts["pixels"]),
        resize_pixels=facts["pixels"],
        build=partial(TinyNet, len(labels)),
        read=load_file,
        weights=file,
    )
