"""Types of command line arguments that fail before anything is measured."""

import argparse
import math
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from classifier.pictures.gallery import Gallery


def output_folder(text: str) -> Path:
    """Creates the folder if it does not exist, and checks that files can be written there."""
    folder = Path(text)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise argparse.ArgumentTypeError(
            f"the results cannot be written to {text}: {error.strerror}"
        ) from error
    return folder


def picture_folder(text: str) -> Path:
    """Checks that a folder contains pictures."""
    gallery = Gallery(Path(text))
    if not gallery.names():
        raise argparse.ArgumentTypeError(f"{text} contains no pictures")
    return gallery.folder


def positive(number: Callable[[str], float]) -> Callable[[str], float]:
    """Returns a type for finite numbers above 0: `positive(int)` or `positive(float)`."""

    def convert(text: str) -> float:
        try:
            value = number(text)
        except ValueError:
            value = 0
        if not 0 < value < math.inf:  # an infinite measurement would never end
            raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
        return value

    return convert


def require_program(parser: argparse.ArgumentParser, name: str, reason: str) -> None:
    """Ends the program with a message if another program is not installed."""
    if not shutil.which(name):
        parser.error(f"{reason} needs {name}; install it first: apt-get install {name}")
