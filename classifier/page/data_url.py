"""Pictures inside the HTML of the page, so that no file is stored."""

import base64
import io

from PIL import Image

MAX_SIDE = 640  # pixels, as the page shows pictures


def data_url(picture: Image.Image) -> str:
    """Returns the picture as a data: URL, shrunk to MAX_SIDE pixels if it is larger."""
    shown = picture.copy()
    shown.thumbnail((MAX_SIDE, MAX_SIDE))
    content = io.BytesIO()
    shown.save(content, "WEBP", quality=85)
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()
