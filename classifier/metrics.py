"""What this process counts and measures for GET /metrics, in the format of Prometheus.

Every label has few values, which clients cannot choose: names of models on offer, routes, and
kinds of errors.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

REGISTRY = CollectorRegistry()
"""Without the default metrics of prometheus_client, which tell everybody the version of Python."""

ProcessCollector(registry=REGISTRY)
SECONDS = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)

REQUESTS = Counter(
    "classifier_requests",
    "HTTP requests, by route and status.",
    ["method", "route", "status"],
    registry=REGISTRY,
)
ANSWERS = Counter(
    "classifier_answers", "Pictures that a model has classified.", ["model"], registry=REGISTRY
)
ERRORS = Counter(
    "classifier_errors",
    "Classifications that failed, by kind of error.",
    ["kind"],
    registry=REGISTRY,
)
JOBS = Counter(
    "classifier_jobs", "Jobs that have ended, by their last status.", ["status"], registry=REGISTRY
)
QUEUE_SECONDS = Histogram(
    "classifier_queue_seconds",
    "From the arrival of a job to its start.",
    buckets=SECONDS,
    registry=REGISTRY,
)
INFERENCE_SECONDS = Histogram(
    "classifier_inference_seconds",
    "For decoding a picture, preprocessing and the model.",
    ["model"],
    buckets=SECONDS,
    registry=REGISTRY,
)
