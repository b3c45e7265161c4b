"""The app, with the benchmark's weights: `python -m benchmarks.servers.ours WEIGHTS`."""

import os
import sys
from pathlib import Path

from benchmarks.material import with_weights
from classifier import catalog
from classifier.server import create, launch
from classifier.settings import Settings


def main(weights: Path) -> None:
    catalog.published = lambda name: with_weights(name, weights)
    settings = Settings.from_environment(os.environ)
    launch(create(settings), settings)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
