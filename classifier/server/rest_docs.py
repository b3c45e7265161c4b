"""GET /docs: interactive documentation of the REST routes, without files from other servers."""

from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.requests import Request

from classifier.errors import ClassifierError
from classifier.gradio_internals.requests import page_address
from classifier.jobs.service import JobService

ASSETS = Path(fastapi_offline.__file__).with_name("static")
FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png")
TITLE = "Image classifier"
TEXT = """Submit a job and get its ID, then ask for its state with the ID, as often as you like.
Jobs wait in the same queue as the requests of the page.
"""


def router(documented: APIRouter, jobs: JobService) -> APIRouter:
    """Returns the documentation page, its OpenAPI schema and its files."""
    routes = APIRouter(include_in_schema=False)
    example = Example(jobs)

    @routes.get("/openapi.json")
    async def openapi(request: Request) -> JSONResponse:
        schema = get_openapi(
            title=TITLE,
            version="1",
            description=TEXT,
            routes=documented.routes,
            servers=[{"url": page_address(request, "/openapi.json")}],
        )
        await example.add_to(schema)
        return JSONResponse(schema)

    @routes.get("/docs")
    async def page(request: Request) -> Response:
        address = page_address(request, "/docs")
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
            return JSONResponse({"detail": f"The file {name!r} does not exist."}, 404)
        return FileResponse(ASSETS / name, headers={"Cache-Control": "max-age=86400"})

    return routes


class Example:
    """Example values that work: names on offer, and the ID of a real job."""

    def __init__(self, jobs: JobService) -> None:
        self._jobs = jobs
        self._classifier = jobs.classifier
        self._id = ""

    async def add_to(self, schema: dict[str, Any]) -> None:
        """Adds the example values to an OpenAPI schema."""
        models = list(self._classifier.catalogue)
        images = self._classifier.gallery.names()
        paths = schema["paths"]
        paths["/classifications"]["post"]["requestBody"] = _body(models, images)
        id = await self._example_job(models, images)
        if not id:
            return
        for path, method, value in [
            ("/classifications", "get", [id]),
            ("/classifications/{job_id}", "get", id),
            ("/classifications/{job_id}", "delete", id),
        ]:
            for parameter in paths[path][method]["parameters"]:
                if parameter["name"] == "job_id":
                    parameter["example"] = value

    async def _example_job(self, models: list[str], images: list[str]) -> str:
        """Returns the ID of a job that exists; empty if none can be submitted."""
        downloaded = self._classifier.is_downloaded
        catalogue = self._classifier.catalogue
        chosen = next((name for name in models if downloaded(catalogue[name])), None)
        try:
            if not (self._id and await self._jobs.state(self._id)):
                if not chosen or not images:
                    return ""
                self._id = (await self._jobs.submit(chosen, images[0])).job.id
        except ClassifierError:
            return ""
        return self._id


def _body(models: list[str], images: list[str]) -> dict[str, Any]:
    """Describes the body of the POST in its three media types."""
    model: dict[str, Any] = {"type": "string", "enum": models, "example": models[0]}
    image: dict[str, Any] = {"type": "string", "description": "A picture of the gallery."}
    if images:
        image |= {"enum": images, "example": images[0]}
    named = {
        "type": "object",
        "required": ["model_id", "image_id"],
        "properties": {"model_id": model, "image_id": image},
    }
    picture = {"type": "string", "format": "binary", "description": "Your own picture."}
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
