"""The REST routes: those of the course's own service, with jobs that survive restarts."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.requests import Request

from classifier.callers import caller_of
from classifier.errors import (
    BusyError,
    ClassifierError,
    InputError,
    JobStoreAwayError,
    JobStoreError,
    JobStoreLockedError,
    TooLargeError,
    TooManyRequestsError,
    UnknownNameError,
)
from classifier.gradio_internals.requests import page_address
from classifier.jobs.job import JobState, Status
from classifier.jobs.service import JobService
from classifier.server.rest_forms import SubmissionReader

MAX_WAIT_SECONDS = 30.0
MAX_LISTED = 100
MAX_KEY = 255

JobId = Annotated[str, Field(description="The job ID that POST /classifications returned.")]
Percent = Annotated[float, Field(ge=0, le=100)]


class Offer(BaseModel):
    """The names of the models and of the pictures in the gallery."""

    models: list[str]
    images: list[str]


class Accepted(BaseModel):
    """A job that was accepted."""

    job_id: str
    task_status: Status
    status_url: str


class Classification(BaseModel):
    """The state of a job; times in UTC."""

    task_status: Status
    data: list[tuple[str, Percent]] | None = Field(
        description="Five labels and their percentages, the likeliest first, when finished."
    )
    position: int | None = Field(description="How many jobs are before it in the queue.")
    eta_seconds: float | None = Field(description="Estimated seconds until its result, if known.")
    progress: float | None = Field(description="Downloaded fraction of its model, in 0-1.")
    error: str | None = Field(description="Why it failed.")
    model_id: str
    image_id: str
    created: datetime
    finished: datetime | None


class ListedClassification(Classification):
    """The state of a job in a list."""

    job_id: str


class ClassificationList(BaseModel):
    """The requested jobs that exist, in the order of the request."""

    classifications: list[ListedClassification]


class Problem(BaseModel):
    """What is wrong, and the valid names if a name is wrong."""

    detail: str
    valid: list[str] | None = None


PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "The job does not exist, or has expired."},
    413: {"model": Problem, "description": "The picture is too large."},
    422: {"model": Problem, "description": "A name or a value is not valid."},
    429: {"model": Problem, "description": "Too many unfinished requests; see Retry-After."},
    503: {"model": Problem, "description": "Try again later; see the header Retry-After."},
    507: {"model": Problem, "description": "The job cannot be written to disk."},
}


class RouteWithErrorMessages(APIRoute):
    """A route that returns a sentence for each error."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_errors(request: Request) -> Response:
            try:
                return await handle(request)
            except ClassifierError as error:
                return problem(error)
            except RequestValidationError as error:
                wrong = error.errors()[0]
                return problem(InputError(f"{wrong['loc'][-1]}: {wrong['msg']}."))

        return handle_errors


def problem(error: ClassifierError) -> JSONResponse:
    """Returns the response for an error."""
    content: dict[str, Any] = {"detail": str(error)}
    if isinstance(error, UnknownNameError):
        content["valid"] = error.valid
    if isinstance(error, TooManyRequestsError):
        return JSONResponse(content, 429, {"Retry-After": str(error.seconds)})
    if isinstance(error, BusyError | JobStoreAwayError):
        return JSONResponse(content, 503, {"Retry-After": str(error.seconds)})
    if isinstance(error, TooLargeError):
        return JSONResponse(content, 413)
    if isinstance(error, JobStoreLockedError):
        return JSONResponse(content, 503)
    if isinstance(error, JobStoreError):
        return JSONResponse(content, 507)
    return JSONResponse(content, 422 if isinstance(error, InputError) else 500)


def router(jobs: JobService) -> APIRouter:
    """Returns the REST routes."""
    routes = APIRouter(route_class=RouteWithErrorMessages, tags=["classifications"])
    classifier = jobs.classifier
    reader = SubmissionReader()

    @routes.get("/info", response_model=Offer)
    async def info() -> JSONResponse:
        """Lists the models and the pictures of the gallery."""
        return JSONResponse(
            {"models": list(classifier.catalogue), "images": classifier.gallery.names()}
        )

    @routes.post(
        "/classifications",
        response_model=Accepted,
        status_code=202,
        responses={code: PROBLEMS[code] for code in (413, 422, 429, 503, 507)},
    )
    async def submit(
        request: Request,
        idempotency_key: Annotated[
            str | None,
            Header(
                min_length=1,
                max_length=MAX_KEY,
                description="A unique value, such as a UUID. Repeating it returns the same job.",
            ),
        ] = None,
    ) -> JSONResponse:
        """Submits a job and returns its ID.

        The picture is one of the gallery (`image_id`) or an upload (`image`, in a multipart
        form). A job that was accepted ends as finished, failed or canceled, even if the
        connection breaks or the server restarts.
        """
        async with reader.read(request) as submission:
            state = await jobs.submit(
                submission.model,
                submission.image,
                submission.picture,
                idempotency_key,
                caller=caller_of(request),
            )
        job = state.job
        url = f"{page_address(request, '/classifications')}/classifications/{job.id}"
        content = {"job_id": job.id, "task_status": job.status, "status_url": url}
        return JSONResponse(content, 202, {"Location": url})

    @routes.get("/classifications", response_model=ClassificationList)
    async def list_jobs(
        job_id: Annotated[list[str], Query(max_length=MAX_LISTED)] = [],  # noqa: B006
    ) -> JSONResponse:
        """Returns the states of these jobs; jobs that do not exist are left out."""
        found = [(id, await jobs.state(id)) for id in job_id]
        return JSONResponse(
            {"classifications": [{"job_id": id, **as_json(state)} for id, state in found if state]}
        )

    @routes.get(
        "/classifications/{job_id}",
        response_model=Classification,
        responses={code: PROBLEMS[code] for code in (404, 422)},
    )
    async def get(
        job_id: JobId,
        wait: Annotated[
            float,
            Query(
                ge=0,
                le=MAX_WAIT_SECONDS,
                description="Seconds to wait until the status changes.",
            ),
        ] = 0,
    ) -> JSONResponse:
        """Returns the state of a job. You can poll it as often as you like."""
        if wait:
            await jobs.wait(job_id, wait)
        return state_response(await jobs.state(job_id), job_id)

    @routes.delete(
        "/classifications/{job_id}",
        response_model=Classification,
        responses={code: PROBLEMS[code] for code in (404, 507)},
    )
    async def cancel(job_id: JobId) -> JSONResponse:
        """Cancels a waiting or running job; a job that has ended stays as it is."""
        await jobs.cancel(job_id)
        return state_response(await jobs.state(job_id), job_id)

    return routes


def state_response(state: JobState | None, id: str) -> JSONResponse:
    """Returns the state of a job, or 404."""
    if state is None:
        detail = f"The job {id!r} does not exist, or its result has expired."
        return JSONResponse({"detail": detail}, 404)
    return JSONResponse(as_json(state))


def as_json(state: JobState) -> dict[str, Any]:
    """Converts the state of a job to JSON."""
    job = state.job
    data = job.prediction and [
        [top.label, round(100 * top.probability, 4)] for top in job.prediction.predictions
    ]
    return {
        "task_status": job.status,
        "data": data,
        "position": state.position,
        "eta_seconds": state.eta_seconds and round(state.eta_seconds, 1),
        "progress": state.download_fraction and round(state.download_fraction, 3),
        "error": job.error,
        "model_id": job.model,
        "image_id": job.image,
        "created": _iso_time(job.created),
        "finished": job.finished and _iso_time(job.finished),
    }


def _iso_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
