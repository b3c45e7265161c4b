"""The course's pipeline: FastAPI puts jobs into Redis, and an RQ worker forks for each job.

`python -m benchmarks.servers.course WEIGHTS PORT REDIS_PORT` starts the server and the worker.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Form
from redis import Redis
from rq import Queue
from rq.job import Job

# A name, because the worker cannot import functions from the module that runs as a program.
CLASSIFY = "benchmarks.servers.course.classify"


def classify(weights: str, image: str, name: str) -> list[tuple[str, float]]:
    """Runs one job in a new process, which first imports the packages and loads the model."""
    import torch
    from PIL import Image

    from benchmarks import material
    from classifier.settings import Settings

    model = material.with_weights(name, Path(weights))
    network = material.eager(model)
    picture = Image.open(Settings.from_environment(os.environ).images / image).convert("RGB")
    with torch.inference_mode():
        scores = network(model.preprocessing.apply(picture).unsqueeze(0))[0].softmax(dim=0)
    values, places = scores.topk(5)
    pairs = zip(places.tolist(), values.tolist(), strict=True)
    return [(model.labels[place], 100 * value) for place, value in pairs]


def create(weights: str, redis: Redis) -> FastAPI:
    app = FastAPI()
    queue = Queue(connection=redis)

    @app.post("/classifications")
    def put(image_id: str = Form(), model_id: str = Form()) -> dict[str, str]:
        return {"job_id": queue.enqueue(CLASSIFY, weights, image_id, model_id).id}

    @app.get("/classifications/{job_id}")
    def get(job_id: str) -> dict[str, Any]:
        job = Job.fetch(job_id, connection=redis)
        return {"task_status": job.get_status(), "data": job.return_value()}

    return app


def main(weights: str, port: int, redis_port: int) -> None:
    worker = subprocess.Popen(
        [sys.executable, "-m", "rq.cli", "worker", "--url", f"redis://127.0.0.1:{redis_port}"]
    )
    try:
        uvicorn.run(create(weights, Redis(port=redis_port)), port=port, log_level="warning")
    finally:
        worker.terminate()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
