"""The contact sheet of all sample pictures."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from .render import jpeg

COLUMNS, PIXELS, GAP = 7, 200, 8
LARGEST_BYTES = 300_000


def contact_sheet(paths: Sequence[Path], target: Path) -> None:
    """Writes a JPEG of at most 300 kB that shows the pictures in rows."""
    rows = -(-len(paths) // COLUMNS)
    step = PIXELS + GAP
    sheet = Image.new("RGB", (COLUMNS * step + GAP, rows * step + GAP), "white")
    for place, path in enumerate(paths):
        with Image.open(path) as picture:
            small = picture.resize((PIXELS, PIXELS), Image.Resampling.LANCZOS)
        sheet.paste(small, (GAP + place % COLUMNS * step, GAP + place // COLUMNS * step))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(jpeg(sheet, LARGEST_BYTES))
