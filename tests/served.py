"""The app with one model's weights at another address: `python -m tests.served URL SHA256`.

Downloads are then the real code against a server on this machine. resnet18 stands for
every model that has to be fetched.
"""

import os
import sys
from dataclasses import replace

from classifier import catalog
from classifier.server import create, launch
from classifier.settings import Settings
from classifier.weights import Source

published = catalog.published


def main(url: str, sha256: str) -> None:
    def elsewhere(name: str) -> catalog.Model:
        model = published(name)
        return replace(model, weights=Source(url, sha256, model.megabytes))

    catalog.published = elsewhere
    settings = Settings.from_environment(os.environ)
    launch(create(settings), settings)


if __name__ == "__main__":
    main(*sys.argv[1:])
