"""One client cannot take the queue from the others, over whatever interface."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from playwright.sync_api import Browser, expect

from tests.support.browsing import PICTURES, opened
from tests.support.file_server import FileServer
from tests.support.server import Server, run, serve, wait_for

QUEUE = 40
FLOOD = 80
# All of 127.0.0.0/8 are addresses of this machine.
GREEDY, OTHER = "127.0.0.2", "127.0.0.3"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that needs a minute for each request."""
    with serve(
        tmp_path_factory.mktemp("fair"),
        CLASSIFIER_CONCURRENCY=1,
        CLASSIFIER_DELAY_SECONDS=60,
        CLASSIFIER_QUEUE_SIZE=QUEUE,
        CLASSIFIER_MODELS="tiny",
    ) as running:
        yield running
        running.process.kill()  # it would wait for the running request


def client(server: Server, address: str) -> httpx.Client:
    """Returns a client that has an address of its own."""
    return httpx.Client(
        base_url=server.address,
        transport=httpx.HTTPTransport(local_address=address),
        timeout=60,
    )


def submit(http: httpx.Client, number: int = 0, forwarded_for: str = "") -> httpx.Response:
    form = {"model_id": "tiny", "image_id": PICTURES[number % len(PICTURES)]}
    headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
    return http.post("/classifications", data=form, headers=headers)


def classify(http: httpx.Client) -> httpx.Response:
    return http.post("/gradio_api/call/classify", json={"data": [PICTURES[0], "tiny"]})


@pytest.fixture(scope="module")
def flooded(server: Server) -> Iterator[list[httpx.Response]]:
    """What a client gets that sends twice as many jobs as the queue holds, at once."""
    with client(server, GREEDY) as greedy, ThreadPoolExecutor(16) as threads:
        responses = list(threads.map(lambda number: submit(greedy, number), range(FLOOD)))
        accepted = [r.json()["job_id"] for r in responses if r.status_code == 202]
        # Whichever came first.
        wait_for(lambda: any(server.state(job)["task_status"] == "started" for job in accepted))
        yield responses
        for job in accepted:
            greedy.delete(f"/classifications/{job}")


def test_a_client_gets_its_share_and_a_sentence(flooded: list[httpx.Response]) -> None:
    codes = [response.status_code for response in flooded]
    rejected = [response for response in flooded if response.status_code == 429]

    assert set(codes) == {202, 429}
    assert QUEUE // 2 - 1 <= codes.count(202) <= QUEUE // 2 + 1
    for response in rejected:
        assert int(response.headers["Retry-After"]) > 0
        assert "your share of the queue" in response.json()["detail"]


def test_the_share_is_the_same_over_the_api(server: Server, flooded: object) -> None:
    with client(server, GREEDY) as greedy:
        response = classify(greedy)

    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    assert "your share" in response.json()["detail"]


def test_other_clients_come_next(server: Server, flooded: object) -> None:
    with client(server, OTHER) as other:
        answer = submit(other)
        assert answer.status_code == 202
        job = answer.json()["job_id"]
        # One job of the other client is before it.
        assert server.state(job)["position"] <= 1
        assert classify(other).status_code == 200
        other.delete(f"/classifications/{job}")


def test_callers_with_the_same_idempotency_key_do_not_meet(server: Server) -> None:
    form = {"model_id": "tiny", "image_id": PICTURES[0]}
    with client(server, "127.0.0.5") as one, client(server, "127.0.0.6") as two:
        jobs = [
            http.post("/classifications", data=form, headers={"Idempotency-Key": "1"}).json()
            for http in (one, one, two, two)
        ]
        ids = [job["job_id"] for job in jobs]
        for id in set(ids):
            one.delete(f"/classifications/{id}")

    assert ids[0] == ids[1] != ids[2] == ids[3]


def test_a_proxy_on_this_machine_names_the_client(server: Server, flooded: object) -> None:
    codes = {
        address: submit(server.http, forwarded_for=address).status_code
        for address in (GREEDY, "203.0.113.9")
    }
    with client(server, GREEDY) as greedy:
        direct = submit(greedy, forwarded_for="203.0.113.10")

    assert codes == {GREEDY: 429, "203.0.113.9": 202}
    assert direct.status_code == 429  # nobody believes a client


def test_agents_have_the_share_of_their_address(server: Server, flooded: object) -> None:
    async def call() -> CallToolResult:
        transport = httpx.AsyncHTTPTransport(local_address=GREEDY)
        async with (
            httpx.AsyncClient(transport=transport, timeout=60) as http,
            streamable_http_client(
                f"{server.address}/gradio_api/mcp/", http_client=http
            ) as streams,
            ClientSession(*streams[:2]) as session,
        ):
            await session.initialize()
            arguments = {"image": PICTURES[0], "model": "tiny"}
            return await session.call_tool("classify", arguments)

    result = run(call())

    assert result.isError
    assert "429" in result.model_dump_json()


def test_the_page_says_it(browser: Browser, server: Server, flooded: object) -> None:
    """The browser's own address is used up, too."""
    jobs = [submit(server.http, number) for number in range(FLOOD)]
    assert jobs[-1].status_code == 429
    try:
        with opened(browser, server) as page:
            page.get_by_role("button", name="Classify").click()
            expect(page.get_by_text("your share of the queue")).to_be_visible()
    finally:
        for job in jobs:
            if job.status_code == 202:
                server.http.delete(f"/classifications/{job.json()['job_id']}")


def test_requests_that_wait_for_weights_keep_no_others_from_running(
    file_server: FileServer, downloading_server: Server
) -> None:
    weights = downloading_server.cache / "weights" / "resnet18.pth"
    weights.unlink(missing_ok=True)
    file_server.pause = 3.0
    try:
        events = [
            downloading_server.call("classify", [PICTURES[0], "resnet18"]).json()["event_id"]
            for _ in range(8)
        ]
        wait_for(lambda: "classifier_running 8.0" in downloading_server.http.get("/metrics").text)

        picture = (downloading_server.images / PICTURES[0]).read_bytes()
        job = downloading_server.http.post(
            "/classifications", data={"model_id": "tiny"}, files={"image": ("a.jpg", picture)}
        )
        state = downloading_server.ended(job.json()["job_id"])

        assert state["task_status"] == "finished", state
        assert not weights.exists()
    finally:
        file_server.pause = 0.2
    for event in events:
        kind, data = downloading_server.result("classify", event)
        assert kind == "complete", data
