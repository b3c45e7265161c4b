"""Several servers with one PostgreSQL database: each answers for all jobs, and none is lost."""

import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from gradio_client import Client, handle_file
from playwright.sync_api import Browser, expect
from prometheus_client.parser import text_string_to_metric_families

from tests.support.nginx import nginx_several
from tests.support.postgres import PASSWORD, Postgres, serving
from tests.support.server import PROJECT, Server, serve, wait_for

IMAGES = PROJECT / "images"
PICTURES = sorted(path.name for path in IMAGES.glob("*.jpg"))
MODEL = "tiny"
SLOW: dict[str, Any] = {"CLASSIFIER_CONCURRENCY": 1, "CLASSIFIER_DELAY_SECONDS": 6}
QUICK: dict[str, Any] = {"CLASSIFIER_CONCURRENCY": 1, "CLASSIFIER_DELAY_SECONDS": 0.05}
# Each test starts several servers, which takes long on a busy machine.
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Servers:
    """Two servers with one database: `slow` runs a job for 6 seconds."""

    slow: Server
    quick: Server


@contextmanager
def sharing(folder: Path, url: str, **settings: Any) -> Iterator[Server]:
    """Starts a server with a cache of its own, as on a machine of its own."""
    with serve(folder, CLASSIFIER_JOBS_URL=url, CLASSIFIER_MODELS=MODEL, **settings) as server:
        yield server
    log = server.log.read_text()
    assert "Traceback" not in log
    assert PASSWORD not in log
    assert quote(PASSWORD, "") not in log


@pytest.fixture(scope="module")
def servers(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder, url = tmp_path_factory.mktemp("servers"), postgres.new_database()
    with (
        sharing(folder / "slow", url, **SLOW) as slow,
        sharing(folder / "quick", url, **QUICK) as quick,
    ):
        yield Servers(slow, quick)


def job_id(response: httpx.Response) -> str:
    assert response.status_code == 202, response.text
    id: str = response.json()["job_id"]
    return id


def submit(server: Server, count: int) -> list[str]:
    """Submits jobs and returns their IDs."""
    names = [PICTURES[number % len(PICTURES)] for number in range(count)]
    return [job_id(server.submit(name, MODEL)) for name in names]


def upload(server: Server, name: str) -> str:
    """Submits a picture of the gallery as an own picture, and returns the job's ID."""
    with (IMAGES / name).open("rb") as file:
        return job_id(
            server.http.post(
                "/classifications", data={"model_id": MODEL}, files={"image": ("own.jpg", file)}
            )
        )


def status(server: Server, id: str) -> str:
    state: str = server.state(id)["task_status"]
    return state


def starts(postgres: Postgres, url: str) -> dict[str, int]:
    """Returns how often each job of a database was started."""
    with postgres.connect(url) as connection:
        found = connection.execute("SELECT id, starts FROM classifier_jobs").fetchall()
    return {str(id): int(str(count)) for id, count in found}


def test_each_server_answers_for_the_jobs_of_the_other(servers: Servers) -> None:
    slow, quick = servers.slow, servers.quick
    (ended,) = submit(quick, 1)
    assert slow.ended(ended) == quick.ended(ended)
    assert len(slow.ended(ended)["data"]) == 5

    running, waiting = submit(slow, 2)
    wait_for(lambda: status(quick, running) == "started")
    listed = quick.http.get("/classifications", params={"job_id": [running, waiting, ended]})
    states = listed.json()["classifications"]
    assert [state["job_id"] for state in states] == [running, waiting, ended]
    assert [state["task_status"] for state in states] == ["started", "queued", "finished"]

    with ThreadPoolExecutor(1) as thread:
        changed = thread.submit(quick.state, waiting, 30)
        assert quick.http.delete(f"/classifications/{running}").json()["task_status"] == "canceled"
        # The owner takes the job off its processors, so the next one starts.
        wait_for(lambda: status(slow, running) == "canceled")
        assert changed.result()["task_status"] == "started"
    assert slow.http.delete(f"/classifications/{waiting}").json()["task_status"] == "canceled"
    assert quick.ended(waiting)["task_status"] == "canceled"


def test_a_key_that_both_servers_receive_makes_one_job(servers: Servers) -> None:
    for name in PICTURES[:4]:
        key = {"Idempotency-Key": str(uuid4())}
        both = [servers.slow, servers.quick] * 3
        with ThreadPoolExecutor(len(both)) as threads:
            answers = list(
                threads.map(
                    lambda server, key=key, name=name: server.submit(name, MODEL, **key), both
                )
            )
        (job,) = {job_id(answer) for answer in answers}
        servers.quick.http.delete(f"/classifications/{job}")
        other = servers.slow.submit(PICTURES[5], MODEL, **key)
        assert other.status_code == 422
        assert "belongs to a different request" in other.json()["detail"]


def test_a_server_that_stops_gives_its_waiting_jobs_to_the_other_at_once(
    servers: Servers,
) -> None:
    slow, quick = servers.slow, servers.quick
    running, *waiting = submit(slow, 5)
    waiting.append(upload(slow, PICTURES[0]))
    wait_for(lambda: status(slow, running) == "started")
    slow.process.terminate()

    ends = [quick.ended(job)["finished"] for job in waiting]
    assert ends == sorted(ends)
    # The first server finishes what it runs.
    last = quick.ended(running)
    assert last["task_status"] == "finished"
    assert ends[-1] < last["finished"]
    assert slow.process.wait(60) == 0


def test_jobs_of_killed_and_frozen_servers_end_on_another_one(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.new_database()
    with ExitStack() as stack:
        killed, frozen = (
            stack.enter_context(sharing(tmp_path / name, url, **SLOW))
            for name in ("killed", "frozen")
        )
        jobs = submit(killed, 30)
        own = upload(killed, PICTURES[3])
        frozen_jobs = submit(frozen, 3)
        wait_for(lambda: status(frozen, frozen_jobs[0]) == "started")
        frozen.process.send_signal(signal.SIGSTOP)
        stack.callback(frozen.process.send_signal, signal.SIGCONT)
        killed.process.kill()
        quick = stack.enter_context(sharing(tmp_path / "quick", url, **QUICK))

        states = {job: quick.ended(job) for job in [*jobs, own, *frozen_jobs]}
        assert {state["task_status"] for state in states.values()} == {"finished"}
        ends = [states[job]["finished"] for job in jobs]
        assert ends == sorted(ends)
        assert states[own]["data"] == states[jobs[3]]["data"]
        counts = starts(postgres, url)
        assert counts == {job: 1 + (job in (jobs[0], frozen_jobs[0])) for job in states}
        with postgres.connect(url) as connection:
            assert connection.execute("SELECT * FROM classifier_pictures").fetchall() == []

        frozen.process.send_signal(signal.SIGCONT)
        right = {job: states[job] for job in frozen_jobs}
        wait_for(lambda: {job: frozen.state(job) for job in frozen_jobs} == right)
        (new,) = submit(frozen, 1)
        wait_for(lambda: status(quick, new) == "started")
        assert quick.http.delete(f"/classifications/{new}").json()["task_status"] == "canceled"
        assert {job: quick.state(job) for job in states} == states
        assert starts(postgres, url) == counts | {new: 1}


def test_no_job_is_lost_when_the_database_is_away_for_ten_seconds(tmp_path: Path) -> None:
    with serving() as postgres, ExitStack() as stack:
        url = postgres.new_database()
        first, second = (
            stack.enter_context(sharing(tmp_path / name, url, CLASSIFIER_DELAY_SECONDS=0.1))
            for name in ("first", "second")
        )
        accepted: list[tuple[str, str]] = []
        rejected: list[httpx.Response] = []
        done = Event()

        def keep_submitting(server: Server, number: int) -> None:
            while not done.is_set():
                name = PICTURES[number % len(PICTURES)]
                number += 1
                answer = server.submit(name, MODEL)
                if answer.status_code == 202:
                    accepted.append((answer.json()["job_id"], name))
                else:
                    rejected.append(answer)
                time.sleep(0.3)

        with ThreadPoolExecutor(4) as threads:
            stack.callback(done.set)
            load = [
                threads.submit(keep_submitting, server, number)
                for number, server in enumerate([first, second] * 2)
            ]
            wait_for(lambda: len(accepted) > 20)
            postgres.stop()
            stopped = time.monotonic()
            wait_for(lambda: bool(rejected))
            with sharing(tmp_path / "third", url) as third:  # it starts nevertheless
                ready = third.http.get("/ready")
                assert ready.status_code == 503
                assert "database of CLASSIFIER_JOBS_URL cannot be used: " in ready.json()["disk"]
                assert PASSWORD not in ready.text
                ready = first.http.get("/ready")
                assert "database of CLASSIFIER_JOBS_URL cannot be used: " in ready.json()["disk"]
                assert third.submit(PICTURES[0], MODEL).status_code == 503
                record = first.client().predict(PICTURES[0], MODEL, api_name="/classify")
                assert record["image"] == PICTURES[0]
                time.sleep(max(0.0, stopped + 10 - time.monotonic()))
                postgres.start()
                count = len(accepted)
                wait_for(lambda: len(accepted) > count + 20, 60)
                wait_for(lambda: third.http.get("/ready").is_success, 60)
                (job,) = submit(third, 1)
                assert first.ended(job)["task_status"] == "finished"
            done.set()
            for result in load:
                result.result()

        labels: dict[str, set[str]] = {}
        for job, name in accepted:
            state = second.ended(job)
            assert (state["task_status"], state["image_id"]) == ("finished", name)
            labels.setdefault(name, set()).add(str(state["data"]))
        assert all(len(answers) == 1 for answers in labels.values())
        assert {answer.status_code for answer in rejected} == {503}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in rejected)
        assert all(PASSWORD not in answer.text for answer in rejected)
        servers = (first, second)
        wait_for(lambda: all(server.http.get("/ready").is_success for server in servers), 60)


def test_nginx_in_front_keeps_visitors_and_survives_a_dead_server(
    browser: Browser, postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.new_database()
    with (
        sharing(tmp_path / "first", url) as first,
        sharing(tmp_path / "second", url) as second,
        nginx_several(tmp_path / "nginx", [first.address, second.address]) as address,
    ):
        classified = Counter(visit(browser, address) for _ in range(8))
        assert set(classified) == {200}
        for server in (first, second):  # the visitors have spread over both
            assert requests(server, "/gradio_api/queue/join") > 0

        client = Client(address, verbose=False)
        own = client.predict(
            image=handle_file(IMAGES / "pretzel.jpg"), model=MODEL, api_name="/classify_upload"
        )
        assert len(own["predictions"]) == 5
        with httpx.Client(base_url=address, timeout=60) as http:
            assert http.get("/metrics").status_code == 404
            form = {"model_id": MODEL, "image_id": "pretzel.jpg"}
            jobs = [job_id(http.post("/classifications", data=form)) for _ in range(4)]

            first.process.kill()
            first.process.wait(30)

            for job in jobs:
                wait_for(lambda job=job: finished(http, job), 60)  # type: ignore[misc]
            assert visit(browser, address) == 200


def visit(browser: Browser, address: str) -> int:
    """Opens the page as a new visitor, uploads a picture and classifies it."""
    with browser.new_context() as context, context.new_page() as page:
        response = page.goto(address)
        page.get_by_role("button", name="Classify").first.click()
        expect(page.locator("table.answer tbody tr")).to_have_count(5)
        page.locator("#preview input[type=file]").first.set_input_files(IMAGES / "teapot.jpg")
        expect(page.locator("#preview img").first).to_have_attribute("src", re.compile("teapot"))
        page.get_by_role("button", name="Classify").first.click()
        expect(page.locator("#answer, .answer").first).to_contain_text("teapot.jpg")
        assert {cookie["name"] for cookie in context.cookies()} >= {"classifier_server"}
        assert response
        return response.status


def requests(server: Server, route: str) -> float:
    """Returns how many requests a server has had for a route."""
    text = server.http.get("/metrics").text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "classifier_requests_total" and sample.labels["route"] == route
    )


def finished(http: httpx.Client, job: str) -> bool:
    state = http.get(f"/classifications/{job}").json()
    assert state["task_status"] not in ("failed", "canceled"), state
    return bool(state["finished"])
