"""REST beside the page: the course's routes and words, with tickets that last."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from gradio.route_utils import get_root_url
from pydantic import BaseModel, Field
from starlette.requests import Request

from classifier.errors import (
    BusyError,
    ClassifierError,
    InputError,
    RecordError,
    RecordHeldError,
    TooLargeError,
    UnknownNameError,
)
from classifier.forms import Forms
from classifier.jobs import State
from classifier.record import Status
from classifier.tickets import Tickets

LONGEST_WAIT = 30.0  # seconds
MOST_LISTED = 100
LONGEST_KEY = 255

Id = Annotated[str, Field(description="The ticket that the POST gave.")]
Percent = Annotated[float, Field(ge=0, le=100)]


class Offer(BaseModel):
    """What there is to ask for."""

    models: list[str]
    images: list[str]


class Accepted(BaseModel):
    """A ticket."""

    job_id: str
    task_status: Status
    status_url: str


class Classification(BaseModel):
    """What has become of a job; times in UTC."""

    task_status: Status
    data: list[tuple[str, Percent]] | None = Field(
        description="Five labels and their percentages, the likeliest first, when finished."
    )
    position: int | None = Field(description="How many jobs wait before it, while it waits.")
    eta_seconds: float | None = Field(description="Seconds until its answer, where known.")
    progress: float | None = Field(description="The part of its model that is fetched, in 0-1.")
    error: str | None = Field(description="Why it failed.")
    model_id: str
    image_id: str
    created: datetime
    finished: datetime | None


class Listed(Classification):
    """A job among others."""

    job_id: str


class Listing(BaseModel):
    """Those of the jobs asked for that there are, in the order of the question."""

    classifications: list[Listed]


class Problem(BaseModel):
    """What is wrong, and the valid names if it is a name."""

    detail: str
    valid: list[str] | None = None


PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "No such ticket, or its result has expired."},
    413: {"model": Problem, "description": "The picture is too large."},
    422: {"model": Problem, "description": "A name or a value is wrong."},
    503: {"model": Problem, "description": "The queue is full; Retry-After says when to return."},
    507: {"model": Problem, "description": "The job cannot be written down."},
}


class Told(APIRoute):
    """A route whose errors are sentences."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except ClassifierError as error:
                return problem(error)
            except RequestValidationError as error:
                wrong = error.errors()[0]
                return problem(InputError(f"{wrong['loc'][-1]}: {wrong['msg']}."))

        return handled


def problem(error: ClassifierError) -> JSONResponse:
    """An error as a program gets it."""
    content: dict[str, Any] = {"detail": str(error)}
    if isinstance(error, UnknownNameError):
        content["valid"] = error.valid
    if isinstance(error, BusyError):
        return JSONResponse(content, 503, {"Retry-After": str(error.seconds)})
    if isinstance(error, TooLargeError):
        return JSONResponse(content, 413)
    if isinstance(error, RecordHeldError):
        return JSONResponse(content, 503)
    if isinstance(error, RecordError):
        return JSONResponse(content, 507)
    return JSONResponse(content, 422 if isinstance(error, InputError) else 500)


def router(tickets: Tickets) -> APIRouter:
    """The routes of the course's service."""
    routes = APIRouter(route_class=Told, tags=["classifications"])
    classifier = tickets.endpoints.classifier
    forms = Forms()

    @routes.get("/info", response_model=Offer)
    async def info() -> JSONResponse:
        """The models and the pictures of the gallery that can be asked for."""
        return JSONResponse(
            {"models": list(classifier.catalog), "images": classifier.gallery.names()}
        )

    @routes.post(
        "/classifications",
        response_model=Accepted,
        status_code=202,
        responses={code: PROBLEMS[code] for code in (413, 422, 503, 507)},
    )
    async def put(
        request: Request,
        idempotency_key: Annotated[
            str | None,
            Header(
                min_length=1,
                max_length=LONGEST_KEY,
                description="Something unique, a UUID for one. Sent again, it gives the first job.",
            ),
        ] = None,
    ) -> JSONResponse:
        """Puts a job and gives its ticket.

        The picture is one of the gallery (`image_id`) or comes along (`image`, in a multipart
        form). A job that was accepted is finished, failed or cancelled, whatever happens to
        the connection or the server.
        """
        async with forms.read(request) as asked:
            put = await tickets.put(asked.model, asked.image, asked.picture, idempotency_key)
        job = put.job
        url = f"{root(request, '/classifications')}/classifications/{job.id}"
        content = {"job_id": job.id, "task_status": job.status, "status_url": url}
        return JSONResponse(content, 202, {"Location": url})

    @routes.get("/classifications", response_model=Listing)
    async def listing(
        job_id: Annotated[list[str], Query(max_length=MOST_LISTED)] = [],  # noqa: B006
    ) -> JSONResponse:
        """The jobs of these tickets; those that there are not are left out."""
        found = [(ticket, await tickets.state(ticket)) for ticket in job_id]
        return JSONResponse(
            {
                "classifications": [
                    {"job_id": ticket, **described(state)} for ticket, state in found if state
                ]
            }
        )

    @routes.get(
        "/classifications/{job_id}",
        response_model=Classification,
        responses={code: PROBLEMS[code] for code in (404, 422)},
    )
    async def get(
        job_id: Id,
        wait: Annotated[
            float,
            Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for the status to change."),
        ] = 0,
    ) -> JSONResponse:
        """What has become of a job. Ask as often as you like."""
        if wait:
            await tickets.wait(job_id, wait)
        return answer(await tickets.state(job_id), job_id)

    @routes.delete(
        "/classifications/{job_id}",
        response_model=Classification,
        responses={code: PROBLEMS[code] for code in (404, 507)},
    )
    async def cancel(job_id: Id) -> JSONResponse:
        """Cancels a job, waiting or running; one that has ended stays as it is."""
        await tickets.cancel(job_id)
        return answer(await tickets.state(job_id), job_id)

    return routes


def answer(state: State | None, ticket: str) -> JSONResponse:
    """A job as a program gets it, or 404."""
    if state is None:
        detail = f"There is no job {ticket!r}; its result may have expired."
        return JSONResponse({"detail": detail}, 404)
    return JSONResponse(described(state))


def described(state: State) -> dict[str, Any]:
    """A job as JSON."""
    job = state.job
    data = job.answer and [
        [guess.label, round(100 * guess.probability, 4)] for guess in job.answer.predictions
    ]
    return {
        "task_status": job.status,
        "data": data,
        "position": state.position,
        "eta_seconds": state.eta_seconds and round(state.eta_seconds, 1),
        "progress": state.progress and round(state.progress, 3),
        "error": job.error,
        "model_id": job.model,
        "image_id": job.image,
        "created": _time(job.created),
        "finished": job.finished and _time(job.finished),
    }


def root(request: Request, path: str) -> str:
    """The address of the page, as its visitors know it, without a slash at the end."""
    address: str = get_root_url(request, path, request.app.root_path)
    return address


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
