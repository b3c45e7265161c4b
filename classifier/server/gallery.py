"""Routes for the pictures of the gallery: thumbnails, and previews that browsers can show."""

import hashlib
import io
from pathlib import Path
from threading import Lock

from cachetools import LRUCache, cached
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, Response

from classifier.errors import InputError
from classifier.pictures.decoding import BROWSER_FORMATS, decode, detect_format
from classifier.pictures.edits import MAX_SIDE, limit_size
from classifier.pictures.gallery import Gallery
from classifier.pictures.thumbnails import thumbnail

THUMBNAIL_PIXELS = 112
MAX_CACHED = 2000
# Browsers keep thumbnails, but ask each time whether the picture is still the same.
THUMBNAIL_HEADERS = {"Cache-Control": "no-cache"}
# Browsers must not guess another type from the content of a picture.
PREVIEW_HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


def router(gallery: Gallery) -> APIRouter:
    """Returns the routes GET /thumbnails/NAME and GET /previews/NAME."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/thumbnails/{name}")
    def thumbnail_of(name: str, request: Request) -> Response:
        try:
            path = gallery.path(name)
            # The content itself is compared: a picture can be exchanged without a new time.
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            headers = THUMBNAIL_HEADERS | {"ETag": f'"{digest}"'}
            if headers["ETag"] in request.headers.get("If-None-Match", ""):
                return Response(status_code=304, headers=headers)
            content = _thumbnail(digest, path)
        except (InputError, OSError) as error:
            raise HTTPException(404, str(error)) from error
        return Response(content, media_type="image/webp", headers=headers)

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


@cached(LRUCache(MAX_CACHED), key=lambda digest, path: digest, lock=Lock())
def _thumbnail(digest: str, path: Path) -> bytes:
    return thumbnail(path, path.name, THUMBNAIL_PIXELS)
