"""The log: one line for each job, and warnings, as text or as JSON.

Lines have the ID of a job, on the server and on a replica, and nothing that users sent.
"""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal

Format = Literal["text", "json"]

JOB: ContextVar[str] = ContextVar("job", default="")
"""The ID of the job that the current task works for, or an empty string."""

jobs = logging.getLogger("classifier.job")


def configure(format: Format) -> None:
    """Writes the log of this package to the standard error, in a format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    package = logging.getLogger("classifier")
    package.handlers[:] = [handler]
    package.propagate = False
    package.setLevel(logging.WARNING)
    jobs.setLevel(logging.INFO)


def job(message: str, **facts: object) -> None:
    """Writes a line about a job. `facts` are names and values for programs that read the log."""
    jobs.info(message, extra={"facts": facts})


class JsonFormatter(logging.Formatter):
    """Formats each line as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """Formats each line for people."""

    def format(self, record: logging.LogRecord) -> str:
        facts = getattr(record, "facts", {})
        text = " ".join([record.getMessage(), *(f"{name}={facts[name]}" for name in facts)])
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return f"{_time(record)} {text}"


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
