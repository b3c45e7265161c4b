"""The app, but it downloads the weights of torchvision from another address.

`python -m tests.support.app_with_local_weights URL SHA256` runs the real download code against a
server on this machine. resnet18 represents all models that must be downloaded.
"""

import os
import sys
from dataclasses import replace

from classifier.models import torchvision_models
from classifier.models.model import Model
from classifier.models.weights import RemoteWeights
from classifier.server.app import App
from classifier.settings import Settings

load = torchvision_models.load


def main(url: str, sha256: str) -> None:
    """Starts the app."""

    def load_elsewhere(name: str) -> Model:
        model = load(name)
        return replace(model, weights=RemoteWeights(url, sha256, model.megabytes))

    torchvision_models.load = load_elsewhere
    App(Settings.from_environment(os.environ)).launch()


if __name__ == "__main__":
    main(*sys.argv[1:])
