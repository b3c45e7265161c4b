"""The corners of Gradio that a lasting queue stands on."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.serving import PROJECT

# Processes of their own: a page made outside a server leaves an event loop behind.
UNSERVED = """
import asyncio, json
from gradio.queueing import Event, Queue
from gradio.server_messages import HeartbeatMessage
from classifier import Settings, server

page = server.create(Settings(models=("tiny",)))
page.queue(1.0, api_open=False, max_size=10)
queue = page._queue
classify = next(fn for fn in page.fns.values() if fn.api_name == "classify")
queue.create_event_queue_for_fn(classify)
queue.process_time_per_fn[classify].add(3.0)

async def lost():
    event = Event("a session without a mailbox", classify, None, None)
    queue.send_message(event, HeartbeatMessage())
    return event.alive, queue.live_updates, queue.update_intervals

async def told(queue_class):
    queue.__class__ = queue_class
    said = []
    queue.send_message = lambda event, message: said.append((message.rank, message.rank_eta))
    waiting = queue.event_queue_per_concurrency_id["inference"].queue
    waiting[:] = [Event(str(number), classify, None, None) for number in range(7)]
    queue.broadcast_estimations("inference", 6)
    return said

ours = type(queue)
print(json.dumps([asyncio.run(work) for work in (lost(), told(Queue), told(ours))]))
"""

SERVED = """
import json, httpx
from classifier import Settings, server

settings = Settings(models=("tiny",), queue_size=1)
page = server.create(settings)
address = server.launch(page, settings, wait=False) + "gradio_api/call/classify"

client = httpx.Client(timeout=60)

def ask(image):
    event = client.post(address, json={"data": [image, "tiny"]}).json()["event_id"]
    return client.get(f"{address}/{event}").text

answers = [ask("pretzel.jpg") for _ in range(205)]
queue = page._queue
print(json.dumps({
    "right": sum("pretzel" in answer for answer in answers),
    "different": len(set(answers)),
    "events": len(queue.event_ids_to_events),
    "iterators": len(page.app.iterators),
    "waiting": len(queue.pending_event_ids_session),
    "sessions": len(page.app.state_holder.session_data),
    "first routes": [route.path for route in page.app.router.routes[:4]],
}))
queue.max_size = 0
print(json.dumps([client.post(address, json={"data": [image, "tiny"]}).status_code
                  for image in ("pretzel.jpg", "teapot.jpg")]))
queue.max_size = 1
join = address.replace("call/classify", "queue/join")
refused = client.post(join, json={"data": [], "session_hash": "someone"})
print(json.dumps([refused.status_code, refused.json()]))
page.close()
"""

GUARDED = """
import httpx
from classifier import Settings, server

page = server.create(Settings(models=("tiny",)))
page.queue(1.0, api_open=False)
_, address, _ = page.launch(auth=("someone", "secret"), prevent_thread_lock=True, quiet=True)
call = address + "gradio_api/call/classify"
print(httpx.post(call, json={"data": ["pretzel.jpg", "tiny"]}).status_code)
print(httpx.get(call + "/nothing").status_code)
with httpx.Client() as client:
    client.post(address + "login", data={"username": "someone", "password": "secret"})
    print(client.post(call, json={"data": ["pretzel.jpg", "tiny"]}).status_code)
page.close()
"""


def lines(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if not line.startswith("*")]  # Gradio's own


@pytest.fixture(scope="module")
def unserved() -> Any:
    return json.loads(lines(UNSERVED)[-1])


@pytest.fixture(scope="module")
def served() -> list[Any]:
    return [json.loads(line) for line in lines(SERVED) if line.startswith(("{", "["))]


def test_a_lost_mailbox_costs_its_own_event_and_not_the_queue(unserved: Any) -> None:
    assert unserved[0] == [False, False, 1.0]


def test_who_comes_last_is_told_what_gradio_would_tell(unserved: Any) -> None:
    _, gradios, ours = unserved

    assert [place for place, _ in ours] == [place for place, _ in gradios] == [6]
    assert ours[0][1] == pytest.approx(gradios[0][1])


def test_answers_leave_nothing_behind(served: list[Any]) -> None:
    left = served[0]

    assert left["right"] == 205
    assert left["different"] == 1  # the repeated ones come from memory, time and all
    assert left["events"] == left["iterators"] == left["sessions"] == 0
    assert left["waiting"] < 100


def test_the_routes_of_jobs_come_first(served: list[Any]) -> None:
    assert set(served[0]["first routes"]) == {
        "/gradio_api/call/{api_name}",
        "/gradio_api/call/{api_name}/{event_id}",
        "/gradio_api/queue/join",
        "/gradio_api/queue/data",
    }


def test_a_full_queue_still_answers_what_is_known(served: list[Any]) -> None:
    known, unknown = served[1]

    assert (known, unknown) == (200, 503)


def test_an_event_of_no_function_is_refused_and_no_failure_of_the_server(
    served: list[Any],
) -> None:
    assert served[2] == [400, {"detail": "No function index provided."}]


def test_a_password_is_asked_for_where_gradio_would_ask() -> None:
    assert lines(GUARDED)[:3] == ["401", "401", "200"]
