"""Sends requests to a contender, in a separate process that uses little processor time.

`python -m benchmarks.load KIND ADDRESS MODEL --clients 16 --seconds 5 NAME...` classifies one
picture after another. It prints a line of JSON with the number of responses, the seconds they
took, and the median seconds of a response.
"""

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable

import aiohttp

POLL_SECONDS = 0.02

Ask = Callable[[aiohttp.ClientSession, str, str, str], Awaitable[None]]


async def gradio(session: aiohttp.ClientSession, address: str, image: str, model: str) -> None:
    """Calls the endpoint /classify and waits for the response."""
    url = f"{address}/gradio_api/call/classify"
    async with session.post(url, json={"data": [image, model]}) as answer:
        event = (await answer.json())["event_id"]
    async with session.get(f"{url}/{event}") as answer:
        text = await answer.text()
    if "event: complete" not in text:
        raise RuntimeError(text)


async def litserve(session: aiohttp.ClientSession, address: str, image: str, model: str) -> None:
    """Calls LitServe's endpoint and checks its response."""
    async with session.post(f"{address}/predict", json={"image": image}) as answer:
        if len((await answer.json())["predictions"]) != 5:
            raise RuntimeError(await answer.text())


async def course(session: aiohttp.ClientSession, address: str, image: str, model: str) -> None:
    """Creates a job and polls it until it is done, as the course's page does."""
    form = {"image_id": image, "model_id": model}
    async with session.post(f"{address}/classifications", data=form) as answer:
        job = (await answer.json())["job_id"]
    while True:
        async with session.get(f"{address}/classifications/{job}") as answer:
            state = await answer.json()
        if state["task_status"] == "failed":
            raise RuntimeError(f"job {job} failed")
        if state["data"]:
            return
        await asyncio.sleep(POLL_SECONDS)


async def tickets(session: aiohttp.ClientSession, address: str, image: str, model: str) -> None:
    """Creates a job and waits with its job ID until it has finished."""
    form = {"image_id": image, "model_id": model}
    async with session.post(f"{address}/classifications", data=form) as answer:
        job = (await answer.json())["job_id"]
    while True:
        async with session.get(f"{address}/classifications/{job}?wait=30") as answer:
            state = await answer.json()
        if state["data"]:
            return
        if state["finished"]:
            raise RuntimeError(f"job {job} {state['task_status']}: {state['error']}")


KINDS: dict[str, Ask] = {
    "gradio": gradio,
    "litserve": litserve,
    "course": course,
    "tickets": tickets,
}


async def load(
    ask: Ask, address: str, model: str, names: list[str], clients: int, seconds: float, jobs: int
) -> dict[str, float]:
    """Keeps the clients busy until the time is over or the given number of jobs has started.

    Returns the number of jobs done, the seconds taken, and the median seconds of a job.
    """
    pictures = itertools.islice(itertools.cycle(names), jobs)
    begin = time.perf_counter()
    times: list[float] = []

    async def client(session: aiohttp.ClientSession) -> None:
        for picture in pictures:
            start = time.perf_counter()
            if start > begin + seconds:
                return
            try:
                await ask(session, address, picture, model)
            except aiohttp.ClientConnectionError:
                # Servers close idle connections, and a paused server leaves connections idle.
                await ask(session, address, picture, model)
            times.append(time.perf_counter() - start)

    timeout = aiohttp.ClientTimeout(total=600)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
        await asyncio.gather(*(client(session) for _ in range(clients)))
    passed = time.perf_counter() - begin
    return {"done": len(times), "seconds": passed, "median": sorted(times)[len(times) // 2]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("address")
    parser.add_argument("model")
    parser.add_argument("names", nargs="+", metavar="NAME")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    asked = parser.parse_args()
    result = load(
        KINDS[asked.kind],
        asked.address,
        asked.model,
        asked.names,
        asked.clients,
        asked.seconds,
        asked.jobs,
    )
    print(json.dumps(asyncio.run(result)))


if __name__ == "__main__":
    main()
