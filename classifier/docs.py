"""GET /docs: the REST routes described, to be tried there. Nothing is loaded from elsewhere."""

from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.requests import Request

from classifier.errors import ClassifierError
from classifier.rest import root
from classifier.tickets import Tickets

ASSETS = Path(fastapi_offline.__file__).with_name("static")
FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")
TITLE = "Image classifier"
TEXT = """Put a job and get a ticket; ask with the ticket what became of the job, as often as
you like and from wherever you like. Jobs wait in the queue of the page, with everyone else's.
"""


def router(documented: APIRouter, tickets: Tickets) -> APIRouter:
    """The page, what it reads and what it is made of."""
    routes = APIRouter(include_in_schema=False)
    example = Example(tickets)

    @routes.get("/openapi.json")
    async def schema(request: Request) -> JSONResponse:
        described = get_openapi(
            title=TITLE,
            version="1",
            description=TEXT,
            routes=documented.routes,
            servers=[{"url": root(request, "/openapi.json")}],
        )
        await example.put_into(described)
        return JSONResponse(described)

    @routes.get("/docs")
    async def page(request: Request) -> Response:
        address = root(request, "/docs")
        return get_swagger_ui_html(
            openapi_url=f"{address}/openapi.json",
            title=TITLE,
            swagger_js_url=f"{address}/docs/{FILES[0]}",
            swagger_css_url=f"{address}/docs/{FILES[1]}",
            swagger_favicon_url=f"{address}/docs/{FILES[2]}",
            swagger_ui_parameters={"validatorUrl": None, "defaultModelsExpandDepth": 0},
        )

    @routes.get("/docs/{name}")
    async def asset(name: str) -> Response:
        if name not in FILES:
            return JSONResponse({"detail": f"There is no file {name!r}."}, 404)
        return FileResponse(ASSETS / name, headers={"Cache-Control": "max-age=86400"})

    return routes


class Example:
    """Values that work when they are tried: names on offer, and the ticket of a real job."""

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets
        self._classifier = tickets.endpoints.classifier
        self._ticket = ""

    async def put_into(self, schema: dict[str, Any]) -> None:
        """Fills in a description of the routes."""
        models = list(self._classifier.catalog)
        images = self._classifier.gallery.names()
        paths = schema["paths"]
        paths["/classifications"]["post"]["requestBody"] = _body(models, images)
        ticket = await self._job(models, images)
        if not ticket:
            return
        for path, method, value in [
            ("/classifications", "get", [ticket]),
            ("/classifications/{job_id}", "get", ticket),
            ("/classifications/{job_id}", "delete", ticket),
        ]:
            for parameter in paths[path][method]["parameters"]:
                if parameter["name"] == "job_id":
                    parameter["example"] = value

    async def _job(self, models: list[str], images: list[str]) -> str:
        """The ticket of a job that is there; empty if none can be put."""
        ready = self._classifier.engine.is_ready
        chosen = next((name for name in models if ready(self._classifier.catalog[name])), None)
        try:
            if not (self._ticket and await self._tickets.state(self._ticket)):
                if not chosen or not images:
                    return ""
                self._ticket = (await self._tickets.put(chosen, images[0])).job.id
        except ClassifierError:
            return ""
        return self._ticket


def _body(models: list[str], images: list[str]) -> dict[str, Any]:
    """What may be sent with a POST, in the three ways in which it may."""
    model: dict[str, Any] = {"type": "string", "enum": models, "example": models[0]}
    image: dict[str, Any] = {"type": "string", "description": "A picture of the gallery."}
    if images:
        image |= {"enum": images, "example": images[0]}
    named = {
        "type": "object",
        "required": ["model_id", "image_id"],
        "properties": {"model_id": model, "image_id": image},
    }
    picture = {"type": "string", "format": "binary", "description": "A picture of one's own."}
    own = {
        "type": "object",
        "required": ["model_id", "image"],
        "properties": {"model_id": model, "image": picture},
    }
    return {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {"schema": named},
            "application/json": {"schema": named},
            "multipart/form-data": {"schema": own},
        },
    }
