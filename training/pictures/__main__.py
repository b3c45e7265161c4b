"""Renders sample pictures into `images/`.

`python -m training.pictures [NAME ...]` renders the named pictures. Without names it renders all
of them and the contact sheet `docs/images.jpg`.
"""

import argparse
import time
from pathlib import Path

from . import stage
from .render import render
from .scenes import SCENES
from .sheet import contact_sheet

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(prog="training.pictures", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SCENES))
    parser.add_argument("--size", type=int, default=512, help="width and height in pixels")
    parser.add_argument("--samples", type=int, default=12, help="samples per pixel")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=ROOT / "images")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - set(SCENES)):
        parser.error(f"unknown scene {', '.join(unknown)}; choose from {', '.join(SCENES)}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or SCENES:
        began = time.monotonic()
        stage.clear()
        SCENES[name].build()
        render(
            arguments.folder / f"{name}.jpg", arguments.size, arguments.samples, arguments.threads
        )
        print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    if not arguments.names:
        contact_sheet(
            [arguments.folder / f"{name}.jpg" for name in SCENES], ROOT / "docs" / "images.jpg"
        )


if __name__ == "__main__":
    main()
