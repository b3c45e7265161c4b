"""The backend with a link that the test plays itself."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from classifier.errors import ClusterError, PictureError, SettingError
from classifier.inference.cluster import backend
from classifier.inference.cluster.backend import AWAY, MAX_TRIES, STARTING, Cluster
from classifier.inference.cluster.messages import (
    Cancel,
    Done,
    FromLink,
    Lost,
    Picture,
    Progress,
    Request,
    Start,
    Status,
    ToLink,
    encode,
    read,
)
from classifier.inference.prediction import LabelProbability, Prediction
from classifier.models import catalogue
from classifier.models.catalogue import Catalogue
from classifier.pictures.source import PictureSource
from classifier.settings import Settings
from tests.support.server import run

PICTURE = PictureSource(b"picture", "cup.png")
PREDICTION = Prediction("tiny", "cup.png", (LabelProbability("cup", 0.9),), 0.1, "cpu")
READY = Status(None, capacity=32, downloaded=frozenset({"resnet18"}))

Answer = Callable[[ToLink], list[FromLink] | None]


class FakeLinks:
    """Plays one link after the other, each in a thread, with a function that answers.

    A link ends when its function returns None.
    """

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.received: list[ToLink] = []
        self.started = 0

    def start(self, connection: socket.socket) -> "FakeProcess":
        answer = self.answers[min(self.started, len(self.answers) - 1)]
        self.started += 1
        with connection:
            own = connection.dup()
        thread = threading.Thread(target=lambda: asyncio.run(self._play(own, answer)))
        thread.start()
        return FakeProcess(thread)

    async def _play(self, connection: socket.socket, answer: Answer) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                message = await read(reader)
                assert isinstance(message, ToLink)
                self.received.append(message)
                messages = answer(message)
                if messages is None:
                    break
                for each in messages:
                    writer.write(encode(each))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


class FakeProcess:
    def __init__(self, thread: threading.Thread) -> None:
        self._thread = thread

    def wait(self, seconds: float | None = None) -> None:
        self._thread.join(seconds)

    def kill(self) -> None:
        pass


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> FakeLinks:
    fake = FakeLinks()
    monkeypatch.setattr(backend, "_start_link", fake.start)
    monkeypatch.setattr(backend, "RETRY_SECONDS", 0.001)
    monkeypatch.setattr(backend, "FIRST_RESTART_SECONDS", 0.001)
    return fake


@pytest.fixture(scope="module")
def models() -> Catalogue:
    return catalogue.load(["tiny", "resnet18", "alexnet"])


def use(models: Catalogue, work: Callable[[Cluster], Any], **settings: Any) -> Any:
    """Runs `work` with an open backend."""

    async def main() -> Any:
        cluster = Cluster(replace(Settings(), cluster="local", concurrency=0, **settings), models)
        await cluster.open()
        try:
            return await asyncio.wait_for(work(cluster), 60)
        finally:
            await cluster.close()

    return run(main())


def always(message: ToLink) -> list[FromLink]:
    """Answers everything."""
    match message:
        case Start():
            return [READY]
        case Request(id=id, work="download"):
            return [Progress(id, 0.5), Done(id, None)]
        case Request(id=id, picture=Picture(content=b"bad")):
            return [Done(id, PictureError("not a picture"))]
        case Request(id=id, picture=Picture(content=b"deadly")):
            return [Lost(id)]
        case Request(id=id):
            return [Done(id, PREDICTION)]
    return []


def test_a_prediction_comes_from_the_cluster(links: FakeLinks, models: Catalogue) -> None:
    links.answers = [always]

    assert use(models, lambda it: it.classify(PICTURE, models["tiny"])) == PREDICTION

    start, request = links.received
    assert isinstance(start, Start)
    assert start.settings.cluster == "local"
    assert start.model_names == ("tiny", "resnet18", "alexnet")
    assert request == Request(1, "classify", "tiny", Picture(b"picture", "cup.png"))


def test_a_file_is_sent_with_its_content(
    links: FakeLinks, models: Catalogue, tmp_path: Path
) -> None:
    links.answers = [always]
    (tmp_path / "cup.png").write_bytes(b"content")

    async def work(cluster: Cluster) -> None:
        await cluster.classify(PictureSource(tmp_path / "cup.png", "cup.png"), models["tiny"])
        with pytest.raises(PictureError, match=r"'gone\.png'"):
            await cluster.classify(PictureSource(tmp_path / "gone.png", "gone.png"), models["tiny"])

    use(models, work)

    assert isinstance(links.received[-1], Request)
    assert links.received[-1].picture.content == b"content"


def test_a_missing_ray_is_explained(models: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(SettingError) as caught:
        Cluster(replace(Settings(), cluster="local"), models)

    assert str(caught.value) == (
        "CLASSIFIER_CLUSTER is 'local'; expected nothing, or that Ray is installed: "
        "pip install -r requirements-cluster.txt."
    )


def test_the_server_never_imports_ray() -> None:
    code = (
        "import sys, classifier.server.app, classifier.inference.cluster.backend; "
        "print('ray' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout == "False\n"


def test_errors_of_the_picture_are_raised(links: FakeLinks, models: Catalogue) -> None:
    links.answers = [always]

    with pytest.raises(PictureError, match=r"^not a picture$"):
        use(models, lambda it: it.classify(PictureSource(b"bad", "a.png"), models["tiny"]))


def test_a_request_that_is_lost_is_sent_again_a_bounded_number_of_times(
    links: FakeLinks, models: Catalogue
) -> None:
    links.answers = [always]

    with pytest.raises(ClusterError, match=f"failed {MAX_TRIES} times at this. Try again later"):
        use(models, lambda it: it.classify(PictureSource(b"deadly", "a.png"), models["tiny"]))

    tries = [message.tries for message in links.received if isinstance(message, Request)]
    assert tries == list(range(MAX_TRIES))


def test_requests_wait_while_there_is_no_link_and_survive_its_end(
    links: FakeLinks, models: Catalogue
) -> None:
    links.answers = [
        lambda message: None,  # ends at once
        lambda message: [READY] if isinstance(message, Start) else None,  # ends at the request
        always,
    ]
    problems: list[str | None] = []

    async def work(cluster: Cluster) -> Prediction:
        problems.append(cluster.problem())
        answer = await cluster.classify(PICTURE, models["tiny"])
        problems.append(cluster.problem())
        return answer

    assert use(models, work) == PREDICTION
    assert links.started == 3
    assert problems == [STARTING, None]
    requests = [message for message in links.received if isinstance(message, Request)]
    assert {request.id for request in requests} == {1}
    assert {request.tries for request in requests} == {0}


def test_a_link_that_sends_nonsense_is_replaced(links: FakeLinks, models: Catalogue) -> None:
    nonsense: Any = "nonsense"
    links.answers = [lambda message: [nonsense], always]

    assert use(models, lambda it: it.classify(PICTURE, models["tiny"])) == PREDICTION

    assert links.started == 2


def test_a_lost_cluster_is_told(links: FakeLinks, models: Catalogue) -> None:
    links.answers = [lambda message: [READY] if isinstance(message, Start) else None, never]

    async def work(cluster: Cluster) -> str | None:
        call = asyncio.ensure_future(cluster.classify(PICTURE, models["tiny"]))
        while links.started < 2:
            await asyncio.sleep(0.01)
        assert cluster.capacity == 0
        assert not call.done()
        call.cancel()
        return cluster.problem()

    assert use(models, work) == AWAY


def never(message: ToLink) -> list[FromLink]:
    """Answers nothing."""
    return []


def test_a_server_that_stops_while_a_link_starts_leaves_no_connection(
    models: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    starting, ends = threading.Event(), []

    def start(connection: socket.socket) -> None:
        ends.append(connection)
        starting.set()
        time.sleep(0.2)

    monkeypatch.setattr(backend, "_start_link", start)

    async def work(cluster: Cluster) -> None:
        await asyncio.to_thread(starting.wait)

    use(models, work)

    with ends[0] as link:
        link.settimeout(10)
        assert link.recv(1) == b""  # the other end is closed


def test_nobody_waits_for_a_cancelled_request(links: FakeLinks, models: Catalogue) -> None:
    links.answers = [never]

    async def work(cluster: Cluster) -> None:
        call = asyncio.ensure_future(cluster.classify(PICTURE, models["tiny"]))
        while len(links.received) < 2:
            await asyncio.sleep(0.01)
        call.cancel()
        while Cancel(1) not in links.received:
            await asyncio.sleep(0.01)

    use(models, work)


def test_a_model_is_downloaded_once_and_its_progress_is_told(
    links: FakeLinks, models: Catalogue
) -> None:
    links.answers = [always]
    fractions: list[float] = []

    async def work(cluster: Cluster) -> None:
        assert cluster.is_downloaded(models["tiny"])
        assert not cluster.is_downloaded(models["alexnet"])
        await cluster.download(models["alexnet"], fractions.append)
        assert cluster.is_downloaded(models["alexnet"])
        await cluster.download(models["alexnet"], fractions.append)
        # A machine of the cluster had this one.
        await cluster.download(models["resnet18"], fractions.append)

    use(models, work)

    assert fractions == [0.5]
    assert [message.work for message in links.received if isinstance(message, Request)] == [
        "download"
    ]


@pytest.mark.parametrize(("concurrency", "capacity"), [(0, 32), (3, 3)])
def test_the_capacity_is_what_the_replicas_can_take_unless_it_is_set(
    links: FakeLinks, models: Catalogue, concurrency: int, capacity: int
) -> None:
    links.answers = [always]

    async def main() -> int:
        settings = replace(Settings(), cluster="local", concurrency=concurrency)
        cluster = Cluster(settings, models)
        await cluster.open()
        await cluster.classify(PICTURE, models["tiny"])
        await cluster.close()
        return cluster.capacity

    assert run(main()) == capacity
