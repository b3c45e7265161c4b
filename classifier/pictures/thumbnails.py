"""Small versions of pictures."""

import io
from pathlib import Path

from PIL import ImageOps

from classifier.pictures.decoding import decode


def thumbnail(source: Path | bytes, name: str, pixels: int) -> bytes:
    """Returns a square WebP file with `pixels` a side. Raises PictureError as `decode` does."""
    small = ImageOps.fit(decode(source, name, pixels), (pixels, pixels))
    content = io.BytesIO()
    small.save(content, "WEBP", quality=80)
    return content.getvalue()
