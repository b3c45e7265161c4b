import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from classifier.errors import ClassifierError, PictureError
from classifier.inference.cluster.dispatcher import CALLS, MAX_BYTES, MAX_PICTURES, Dispatcher
from classifier.inference.cluster.messages import (
    Done,
    FromLink,
    Lost,
    Picture,
    Progress,
    Request,
    Work,
)
from classifier.inference.prediction import LabelProbability, Prediction
from tests.support.server import run

SECONDS = 0.01


class FakeReplicas:
    """Records the calls, and holds them until `go` is set."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.calls: list[tuple[str, list[bytes]]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.seconds = seconds
        self.stopped = False

    async def classify(
        self, model: str, pictures: Sequence[Picture]
    ) -> list[Prediction | ClassifierError]:
        self.calls.append((model, [picture.content for picture in pictures]))
        await self.go.wait()
        if any(picture.content == b"deadly" for picture in pictures):
            raise RuntimeError("the replica has died\nwith a long story")
        return [self.outcome(model, picture.content, picture.name) for picture in pictures]

    def outcome(self, model: str, content: bytes, name: str) -> Prediction | ClassifierError:
        if content == b"bad":
            return PictureError(f"{name} is bad")
        return Prediction(model, name, (LabelProbability("cup", 0.9),), self.seconds, "cpu")

    async def follow(self, request: Request) -> AsyncIterator[Any]:
        try:
            yield 0.5
            await self.go.wait()
            yield 1.0 if request.work == "download" else PictureError("no explanation")
        finally:
            self.stopped = True

    async def preload(self, model: str) -> None:
        self.calls.append((model, []))
        raise RuntimeError("the replica has died")


def requests(*pictures: bytes, model: str = "tiny", first: int = 1) -> list[Request]:
    return [
        Request(number, "classify", model, Picture(content, f"{number}.png"))
        for number, content in enumerate(pictures, start=first)
    ]


def dispatch(
    work: Callable[[Dispatcher, FakeReplicas, list[FromLink]], Any], replicas: int = 1
) -> tuple[FakeReplicas, list[FromLink]]:
    """Runs `work` with a dispatcher; returns the replicas and what was sent to the server."""

    async def main() -> tuple[FakeReplicas, list[FromLink]]:
        sent: list[FromLink] = []
        fake = FakeReplicas()
        dispatcher = Dispatcher(fake, sent.append)
        dispatcher.set_replicas(replicas)
        await work(dispatcher, fake, sent)
        return fake, sent

    return run(main())


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_what_waits_at_the_same_time_travels_as_few_calls() -> None:
    async def work(dispatcher: Dispatcher, fake: FakeReplicas, sent: list[FromLink]) -> None:
        for request in requests(*[b"picture"] * 20):
            dispatcher.add(request)
        await settle()

    fake, sent = dispatch(work)

    assert [len(pictures) for _, pictures in fake.calls] == [10, 10]
    assert {message.id for message in sent if isinstance(message, Done)} == set(range(1, 21))


def test_a_single_picture_does_not_wait_for_others() -> None:
    async def work(dispatcher: Dispatcher, fake: FakeReplicas, sent: list[FromLink]) -> None:
        fake.go.clear()
        for request in requests(b"first", b"second"):
            dispatcher.add(request)
            await settle()

    fake, _ = dispatch(work)

    assert fake.calls == [("tiny", [b"first"]), ("tiny", [b"second"])]


def test_calls_are_limited_and_the_rest_waits_in_order() -> None:
    async def work(dispatcher: Dispatcher, fake: FakeReplicas, sent: list[FromLink]) -> None:
        fake.go.clear()
        for request in requests(*[b"%d" % number for number in range(100)]):
            dispatcher.add(request)
        await settle()
        assert [len(pictures) for _, pictures in fake.calls] == [MAX_PICTURES] * (2 * CALLS)
        assert dispatcher.capacity == 2 * CALLS * MAX_PICTURES
        fake.go.set()
        await settle()

    fake, sent = dispatch(work, replicas=2)

    assert [content for _, contents in fake.calls for content in contents] == [
        b"%d" % number for number in range(100)
    ]
    assert len(sent) == 100


def test_nothing_is_sent_while_there_is_no_replica() -> None:
    async def work(dispatcher: Dispatcher, fake: FakeReplicas, sent: list[FromLink]) -> None:
        dispatcher.add(requests(b"picture")[0])
        await settle()
        assert not fake.calls
        dispatcher.set_replicas(1)
        await settle()

    fake, sent = dispatch(work, replicas=0)

    assert len(fake.calls) == len(sent) == 1


def test_models_travel_in_separate_calls() -> None:
    async def work(dispatcher: Dispatcher, fake: FakeReplicas, sent: list[FromLink]) -> None:
        given = [*requests(b"a", b"b"), *requests(b"c", model="alexnet", first=3)]
        for request in [given[0], given[2], given[1]]:
            dispatcher.add(request)
        await settle()

    fake, sent = dispatch(work)

    assert fake.calls == [("tiny", [b"a"]), ("alexnet", [b"c"]), ("tiny", [b"b"])]
    assert len(sent) == 3


def test_a_bad_picture_harms_no_other() -> None:
    async def work(dispatcher: Dispatcher, fake: FakeReplicas, sent: list[FromLink]) -> None:
        for request in requests(b"good", b"bad", b"good"):
            dispatcher.add(request)
        await settle()

    _, sent = dispatch(work)

    results = {message.id: message.result for message in sent if isinstance(message, Done)}
    assert isinstance(results[1], Prediction)
    assert str(results[2]) == "2.png is bad"
    assert isinstance(results[3], Prediction)


def test_a_dead_replica_loses_its_group_and_what_is_sent_again_travels_alone() -> None:
    async def work(dispatcher: Dispatcher, fake: FakeReplicas, sent: list[FromLink]) -> None:
        fake.go.clear()
        given = requests(b"good", b"deadly", b"good", b"good")
        for request in given:
            dispatcher.add(request)
        await settle()
        fake.go.set()
        await settle()
        lost = {message.id for message in sent if isinstance(message, Lost)}
        assert lost == {1, 2}
        sent.clear()
        for request in given[:2]:
            again = Request(request.id, "classify", "tiny", request.picture, tries=1)
            dispatcher.add(again)
        await settle()

    fake, sent = dispatch(work)

    assert fake.calls[-2:] == [("tiny", [b"good"]), ("tiny", [b"deadly"])]
    assert {type(message): message.id for message in sent} == {Done: 1, Lost: 2}  # type: ignore[union-attr]


def test_slow_models_travel_in_smaller_groups() -> None:
    async def work(dispatcher: Dispatcher, fake: FakeReplicas, sent: list[FromLink]) -> None:
        fake.seconds = 0.05
        dispatcher.add(requests(b"first")[0])
        await settle()
        for request in requests(*[b"picture"] * 20, first=2):
            dispatcher.add(request)
        await settle()

    fake, _ = dispatch(work)

    sizes = [len(pictures) for _, pictures in fake.calls]
    assert sizes[:4] == [1, 4, 4, 4]
    assert sum(sizes) == 21
    assert max(sizes) == 4


def test_large_pictures_travel_in_smaller_groups() -> None:
    async def work(dispatcher: Dispatcher, fake: FakeReplicas, sent: list[FromLink]) -> None:
        for request in requests(*[bytes(MAX_BYTES // 2)] * 8):
            dispatcher.add(request)
        await settle()

    fake, _ = dispatch(work)

    assert max(len(pictures) for _, pictures in fake.calls) == 2


@pytest.mark.parametrize("work_kind", ["classify", "explain"])
def test_a_cancelled_request_is_not_sent(work_kind: Work) -> None:
    async def work(dispatcher: Dispatcher, fake: FakeReplicas, sent: list[FromLink]) -> None:
        dispatcher.add(Request(1, work_kind, "tiny", Picture(b"picture", "a.png")))
        dispatcher.cancel(1)
        dispatcher.set_replicas(1)
        await settle()

    fake, sent = dispatch(work, replicas=0)

    assert not fake.calls
    assert not sent


def test_a_running_explanation_stops_when_it_is_cancelled() -> None:
    async def work(dispatcher: Dispatcher, fake: FakeReplicas, sent: list[FromLink]) -> None:
        fake.go.clear()
        dispatcher.add(Request(1, "explain", "tiny", Picture(b"picture", "a.png")))
        await settle()
        assert sent == [Progress(1, 0.5)]
        dispatcher.cancel(1)
        await settle()
        assert fake.stopped
        fake.go.set()
        dispatcher.add(requests(b"next", first=2)[0])  # the call of the explanation is free again
        await settle()

    _, sent = dispatch(work)

    assert isinstance(sent[-1], Done)


def test_downloads_and_explanations_report_their_progress() -> None:
    async def work(dispatcher: Dispatcher, fake: FakeReplicas, sent: list[FromLink]) -> None:
        dispatcher.add(Request(1, "download", "tiny"))
        dispatcher.add(Request(2, "explain", "tiny", Picture(b"picture", "a.png")))
        await settle()

    _, sent = dispatch(work)

    assert Progress(1, 0.5) in sent
    assert Progress(2, 0.5) in sent
    results = {message.id: message.result for message in sent if isinstance(message, Done)}
    assert results[1] is None
    assert str(results[2]) == "no explanation"


def test_preloading_never_fails() -> None:
    async def work(dispatcher: Dispatcher, fake: FakeReplicas, sent: list[FromLink]) -> None:
        dispatcher.add(Request(0, "preload", "tiny"))
        await settle()

    fake, sent = dispatch(work)

    assert fake.calls == [("tiny", [])]
    assert not sent
