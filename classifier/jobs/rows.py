"""A job as a row of a database: its values in the order of COLUMNS."""

import json
from dataclasses import asdict
from typing import Any

from classifier.inference.prediction import LabelProbability, Prediction
from classifier.jobs.job import Job

# The names of columns stay as they are, so that jobs survive an upgrade.
COLUMNS = "id, question, model, image, uploaded, status, starts, created, finished, answer, error"


def to_row(job: Job) -> tuple[object, ...]:
    """Returns the values of a job."""
    return (
        job.id,
        job.request,
        job.model,
        job.image,
        job.upload_bytes,
        job.status,
        job.starts,
        job.created,
        job.finished,
        to_text(job.prediction),
        job.error,
    )


def to_job(row: tuple[Any, ...]) -> Job:
    """Returns the job with these values."""
    id, request, model, image, upload_bytes, status, starts, created, finished, text, error = row
    prediction = None
    if text:
        facts = json.loads(text)
        labels = tuple(LabelProbability(**label) for label in facts.pop("predictions"))
        prediction = Prediction(predictions=labels, **facts)
    return Job(
        id=id,
        request=request,
        model=model,
        image=image,
        upload_bytes=upload_bytes,
        created=created,
        status=status,
        starts=starts,
        finished=finished,
        prediction=prediction,
        error=error,
    )


def to_text(prediction: Prediction | None) -> str | None:
    """Returns the stored form of a prediction."""
    return json.dumps(asdict(prediction)) if prediction else None
