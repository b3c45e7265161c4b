"""Measures how the rate of a Ray Serve cluster grows with its replicas.

`python -m benchmarks.cluster_scaling` deploys a model that waits instead of computing, so that the
processors of this machine are no limit. It measures the rate with a fixed number of replicas, and
then how long Ray needs after a burst to start all replicas. The calls go through the same
dispatcher, with the same limits, as those of the server.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks import material
from benchmarks.__main__ import machine
from benchmarks.arguments import positive
from benchmarks.checks import Parser, require_packages
from classifier.inference.prediction import LabelProbability, Prediction

REPLICAS = (1, 2, 4, 8, 16)
CLIENTS = 8  # for each replica
WAIT_SECONDS = 0.1
BURST_REPLICAS = 8
FULL = 0.9  # of the rate of all replicas
BURST_SECONDS = 180.0


class Waiting:
    """Takes WAIT_SECONDS for each picture, one picture after the other."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def classify(self, model: str, pictures: Sequence[Any]) -> list[Prediction]:
        async with self._turn:
            await asyncio.sleep(WAIT_SECONDS * len(pictures))
        labels = (LabelProbability("label", 1.0),)
        return [
            Prediction(model, picture.name, labels, WAIT_SECONDS, "cpu") for picture in pictures
        ]


def deploy(**options: Any) -> Any:
    """Deploys the model, waits until it runs, and returns its handle."""
    from ray import serve

    from classifier.inference.cluster.serve_app import MAX_CALLS, QUIET

    deployment = serve.deployment(
        Waiting,
        max_ongoing_requests=MAX_CALLS,
        ray_actor_options={"num_cpus": 0},
        logging_config=QUIET,
        **options,
    )
    return serve.run(deployment.bind(), name="waiting", route_prefix=None)


async def load(
    handle: Any, clients: int, seconds: float, replicas: Callable[[], int]
) -> list[float]:
    """Keeps clients busy, and returns the time of each answer.

    `replicas` returns the number of replicas, and is asked once a second.
    """
    from classifier.inference.cluster.dispatcher import Dispatcher
    from classifier.inference.cluster.messages import Done, FromLink, Picture, Request
    from classifier.inference.cluster.serve_app import ServeReplicas

    done: list[float] = []
    answers: dict[int, asyncio.Future[None]] = {}

    def send(message: FromLink) -> None:
        assert isinstance(message, Done), message
        answers.pop(message.id).set_result(None)

    dispatcher = Dispatcher(ServeReplicas(handle), send)
    end = time.perf_counter() + seconds
    picture = Picture(material.pictures(1)[0], "a.jpg")

    async def follow() -> None:
        while True:
            dispatcher.set_replicas(await asyncio.to_thread(replicas))
            await asyncio.sleep(1)

    async def client(number: int) -> None:
        while time.perf_counter() < end:
            answer = answers[number] = asyncio.get_running_loop().create_future()
            dispatcher.add(Request(number, "classify", "waiting", picture))
            await answer
            done.append(time.perf_counter())

    following = asyncio.ensure_future(follow())
    await asyncio.gather(*(client(number) for number in range(clients)))
    following.cancel()
    return done


def scale(seconds: float) -> None:
    """Prints the rate by the number of replicas."""
    print("\n| replicas | pictures/s | of linear |\n|---:|---:|---:|")
    one = 0.0
    for count in REPLICAS:
        handle = deploy(num_replicas=count)
        for _ in range(2):  # processes that have just started are slower
            begin = time.perf_counter()
            done = asyncio.run(load(handle, CLIENTS * count, seconds, partial(int, count)))
            found = len(done) / (done[-1] - begin)
        one = one or found
        print(f"| {count} | {found:.1f} | {found / (one * count):.2f} |", flush=True)


def burst() -> None:
    """Prints how long it takes from a burst until all replicas answer."""
    from ray import serve

    from classifier.inference.cluster.serve_app import AUTOSCALING

    serve.delete("waiting")
    handle = deploy(autoscaling_config=AUTOSCALING | {"max_replicas": BURST_REPLICAS})

    def running() -> int:
        (deployment,) = serve.status().applications["waiting"].deployments.values()
        return int(deployment.replica_states.get("RUNNING", 0))

    begin = time.perf_counter()
    done = asyncio.run(load(handle, CLIENTS * BURST_REPLICAS, BURST_SECONDS, running))
    print("\n| seconds after the burst | pictures/s |\n|---:|---:|")
    goal = FULL * BURST_REPLICAS / WAIT_SECONDS
    reached = None
    second = 5.0
    for end in range(5, int(BURST_SECONDS) + 1, 5):
        rate = sum(end - second <= time - begin < end for time in done) / second
        if reached is None:
            print(f"| {end} | {rate:.1f} |")
        if reached is None and rate >= goal:
            reached = end
    print(f"\n{FULL:.0%} of the rate of {BURST_REPLICAS} replicas after {reached} s")


def main() -> None:
    """Reads the arguments and measures."""
    parser = Parser(prog="python -m benchmarks.cluster_scaling", description=__doc__)
    parser.add_argument("--seconds", type=positive(int), default=10, help="for each measurement")
    chosen = parser.parse_args()
    require_packages(parser, "ray")
    import ray
    from ray import serve

    from classifier.inference.cluster.serve_app import QUIET, connect

    print(machine())
    connect("local")
    serve.start(proxy_location="Disabled", logging_config=QUIET)
    scale(chosen.seconds)
    burst()
    ray.shutdown()


if __name__ == "__main__":
    main()
