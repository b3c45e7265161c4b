"""The app with the weights of the benchmark: `python -m benchmarks.servers.ours WEIGHTS`."""

import os
import sys
from pathlib import Path

from benchmarks.material import with_weights
from classifier.models import catalogue
from classifier.server.app import App
from classifier.settings import Settings


def main(weights: Path) -> None:
    catalogue.find = lambda name: with_weights(name, weights)
    App(Settings.from_environment(os.environ)).launch()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
