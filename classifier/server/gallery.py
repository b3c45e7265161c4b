"""Routes for the pictures of the gallery: thumbnails, and previews that browsers can show."""

import io
from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse, Response

from classifier.errors import InputError
from classifier.pictures.decoding import BROWSER_FORMATS, decode, detect_format
from classifier.pictures.edits import MAX_SIDE, limit_size
from classifier.pictures.gallery import Gallery, file_version
from classifier.pictures.thumbnails import thumbnail

THUMBNAIL_PIXELS = 112
MAX_CACHED = 2000
THUMBNAIL_HEADERS = {"Cache-Control": "max-age=300"}
# Browsers must not guess another type from the content of a picture.
PREVIEW_HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


def router(gallery: Gallery) -> APIRouter:
    """Returns the routes GET /thumbnails/NAME and GET /previews/NAME."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/thumbnails/{name}")
    def thumbnail_of(name: str) -> Response:
        try:
            path = gallery.path(name)
            content = _thumbnail(path, file_version(path))
        except (InputError, OSError) as error:
            raise HTTPException(404, str(error)) from error
        return Response(content, media_type="image/webp", headers=THUMBNAIL_HEADERS)

    @routes.get("/previews/{name}")
    def preview_of(name: str) -> Response:
        try:
            path = gallery.path(name)
            if detect_format(path, name) in BROWSER_FORMATS:
                return FileResponse(path, headers=PREVIEW_HEADERS)
            content = io.BytesIO()
            limit_size(decode(path, name, MAX_SIDE)).save(content, "PNG")
        except (InputError, OSError) as error:
            raise HTTPException(404, str(error)) from error
        return Response(content.getvalue(), media_type="image/png", headers=PREVIEW_HEADERS)

    return routes


@lru_cache(maxsize=MAX_CACHED)
def _thumbnail(path: Path, version: Hashable) -> bytes:
    return thumbnail(path, path.name, THUMBNAIL_PIXELS)
