import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from classifier.inference import dynamic_batching
from classifier.inference.dynamic_batching import DynamicBatcher
from tests.support.small_models import PIXELS, MeanColour

CPU = torch.device("cpu")


class Counting(MeanColour):
    """Records the size of each batch. The first batch waits for the event `go`."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.started, self.go = threading.Event(), threading.Event()

    def forward(self, pictures: Tensor) -> Tensor:
        self.sizes.append(len(pictures))
        self.started.set()
        assert self.go.wait(20)
        if (pictures < 0).any():
            raise ValueError("a negative picture")
        return super().forward(pictures)


def pictures(count: int) -> list[Tensor]:
    torch.manual_seed(0)
    return list(torch.rand(count, 3, PIXELS, PIXELS))


def run_all(
    network: Counting, batcher: DynamicBatcher, given: list[Tensor], threads: ThreadPoolExecutor
) -> list[Tensor | BaseException]:
    """Returns the result or error for each picture; the others arrive while the first runs."""
    futures = [threads.submit(batcher, given[0])]
    assert network.started.wait(20)
    futures += [threads.submit(batcher, picture) for picture in given[1:]]
    while len(batcher._waiting) < len(given) - 1:
        threading.Event().wait(0.001)
    network.go.set()
    return [future.exception(20) or future.result() for future in futures]


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (9, [1, 8]), (20, [1, 8, 8, 3])])
def test_waiting_pictures_form_a_batch(count: int, sizes: list[int]) -> None:
    network, given = Counting().eval(), pictures(count)
    batcher = DynamicBatcher(network, CPU, max_batch=8)
    with ThreadPoolExecutor(count) as threads:
        results = run_all(network, batcher, given, threads)

    assert network.sizes == sizes
    for picture, result in zip(given, results, strict=True):
        expected = MeanColour.forward(network, picture.unsqueeze(0))[0].softmax(dim=0)
        assert isinstance(result, Tensor)
        torch.testing.assert_close(result, expected.detach(), rtol=0, atol=1e-6)


def test_an_error_does_not_affect_other_pictures_in_the_batch(
    caplog: pytest.LogCaptureFixture,
) -> None:
    network, given = Counting().eval(), pictures(6)
    given[3] = -given[3]
    batcher = DynamicBatcher(network, CPU)
    with ThreadPoolExecutor(6) as threads:
        results = run_all(network, batcher, given, threads)

    assert [isinstance(result, Tensor) for result in results].count(True) == 5
    assert str(results[3]) == "a negative picture"
    assert "a batch of 5 failed, so its pictures run one by one" in caplog.text


def test_all_batches_run_in_the_same_thread() -> None:
    threads = set()

    class Noting(MeanColour):
        def forward(self, pictures: Tensor) -> Tensor:
            threads.add(threading.get_ident())
            return super().forward(pictures)

    batchers = [DynamicBatcher(Noting().eval(), CPU) for _ in range(2)]
    with ThreadPoolExecutor(4) as callers:
        for batcher in batchers:
            list(callers.map(batcher, pictures(8)))

    assert len(threads) == 1
    assert threading.get_ident() not in threads


@pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 2), (3, 4), (8, 8), (33, 64)])
def test_batches_on_a_gpu_have_few_sizes(count: int, size: int) -> None:
    assert dynamic_batching._next_size(count) == size


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_half_precision_on_a_gpu_gives_the_same_probabilities() -> None:
    network, given = MeanColour().eval(), pictures(3)
    expected = [network(picture.unsqueeze(0))[0].softmax(dim=0).detach() for picture in given]
    batcher = DynamicBatcher(network, torch.device("cuda"))

    for picture, result in zip(given, expected, strict=True):
        torch.testing.assert_close(batcher(picture), result, rtol=0, atol=2e-3)
