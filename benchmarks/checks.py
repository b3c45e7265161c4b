"""Checks of what a benchmark needs, made before anything is measured.

This module imports only the standard library, so that it can report missing packages.
"""

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import NoReturn

REQUIREMENTS = "benchmarks/requirements.txt"
MEMORY = Path("/proc/self/statm")


class Parser(argparse.ArgumentParser):
    """A parser that ends the program with one sentence instead of a usage text."""

    def error(self, message: str) -> NoReturn:
        """Prints the message to stderr and exits with the code 1."""
        sys.exit(f"{message[:1].upper()}{message[1:].rstrip('.')}.")


def require_packages(parser: argparse.ArgumentParser, *names: str) -> None:
    """Ends the program with a message if packages are not installed."""
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        parser.error(
            f"this benchmark needs {', '.join(missing)}; "
            f"install the requirements first: pip install -r {REQUIREMENTS}"
        )


def require_linux(parser: argparse.ArgumentParser) -> None:
    """Ends the program with a message if the memory of a process cannot be read."""
    if not MEMORY.exists():
        parser.error(f"this benchmark needs Linux, because it reads memory use from {MEMORY}")
