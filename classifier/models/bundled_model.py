"""`tiny`, the model that this project trained; its weights are part of the repository.

Its labels and facts come from the header of its file of weights, so they cannot get out of
step with the weights. `training/` contains the recipe that produced it.
"""

import json
from functools import partial
from pathlib import Path

from safetensors import safe_open
from torchvision.transforms._presets import ImageClassification

from classifier.models import imagenet, state_files
from classifier.models.bundled.network import TinyNet
from classifier.models.model import Model, Preprocessing, StateDict
from classifier.models.weights import LocalWeights

NAME = "tiny"
FILE = Path(__file__).parent / "bundled" / "tiny.safetensors"
GIGAFLOPS = 0.144  # Counting takes half a second, so a test does it instead.


def load(file: Path = FILE) -> Model:
    """Returns the bundled model."""
    with safe_open(file, framework="pt") as opened:
        facts = json.loads(opened.metadata()["facts"])
    labels = tuple(imagenet.labels()[number] for number in facts["imagenet_classes"])
    pixels = facts["pixels"]
    return Model(
        name=NAME,
        description="Trained by this project to learn from: it is often wrong on photographs.",
        labels=labels,
        parameters=facts["parameters"],
        megabytes=file.stat().st_size / (1 << 20),
        preprocessing=Preprocessing(
            ImageClassification(crop_size=pixels, resize_size=pixels), pixels
        ),
        network=StateDict(partial(TinyNet, len(labels)), state_files.read),
        weights=LocalWeights(file),
        gigaflops=GIGAFLOPS,
        accuracy=facts["accuracy"],
        evaluated_on="Tiny ImageNet",
    )
