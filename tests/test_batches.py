import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from classifier.batches import Batches
from tests.models import PIXELS, MeanColour

CPU = torch.device("cpu")


class Counting(MeanColour):
    """Notes the size of each batch; the first waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def forward(self, pictures: Tensor) -> Tensor:
        self.sizes.append(len(pictures))
        self.begun.set()
        assert self.go.wait(20)
        if (pictures < 0).any():
            raise ValueError("a negative picture")
        return super().forward(pictures)


def pictures(count: int) -> list[Tensor]:
    torch.manual_seed(0)
    return list(torch.rand(count, 3, PIXELS, PIXELS))


def ask_while_one_runs(
    network: Counting, batches: Batches, asked: list[Tensor], threads: ThreadPoolExecutor
) -> list[Tensor | BaseException]:
    """The answers to pictures, all but the first of which come while the first runs."""
    futures = [threads.submit(batches, asked[0])]
    assert network.begun.wait(20)
    futures += [threads.submit(batches, picture) for picture in asked[1:]]
    while len(batches._waiting) < len(asked) - 1:
        threading.Event().wait(0.001)
    network.go.set()
    return [future.exception(20) or future.result() for future in futures]


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (9, [1, 8]), (20, [1, 8, 8, 3])])
def test_those_who_wait_go_together(count: int, sizes: list[int]) -> None:
    network, asked = Counting().eval(), pictures(count)
    batches = Batches(network, CPU, most=8)
    with ThreadPoolExecutor(count) as threads:
        answers = ask_while_one_runs(network, batches, asked, threads)

    assert network.sizes == sizes
    for picture, answer in zip(asked, answers, strict=True):
        expected = MeanColour.forward(network, picture.unsqueeze(0))[0].softmax(dim=0)
        assert isinstance(answer, Tensor)
        torch.testing.assert_close(answer, expected.detach(), rtol=0, atol=1e-6)


def test_a_bad_picture_costs_none_of_its_neighbours(caplog: pytest.LogCaptureFixture) -> None:
    network, asked = Counting().eval(), pictures(6)
    asked[3] = -asked[3]
    batches = Batches(network, CPU)
    with ThreadPoolExecutor(6) as threads:
        answers = ask_while_one_runs(network, batches, asked, threads)

    assert [isinstance(answer, Tensor) for answer in answers].count(True) == 5
    assert str(answers[3]) == "a negative picture"
    assert "a batch of 5 failed and is run one by one" in caplog.text


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")
def test_half_precision_on_a_gpu_agrees() -> None:
    network, asked = MeanColour().eval(), pictures(3)
    expected = [network(picture.unsqueeze(0))[0].softmax(dim=0).detach() for picture in asked]
    batches = Batches(network, torch.device("cuda"))

    for picture, answer in zip(asked, expected, strict=True):
        torch.testing.assert_close(batches(picture), answer, rtol=0, atol=2e-3)
