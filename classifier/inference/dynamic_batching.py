"""Dynamic batching: pictures that wait at the same time run through a network together."""

import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)

MAX_BATCH = 64
_thread = ThreadPoolExecutor(1, "accelerator")


class DynamicBatcher:
    """Runs a network on an accelerator, in batches of the pictures that are waiting.

    One batch runs at a time, and pictures that arrive meanwhile form the next one. A single
    picture never waits for others.

    cuDNN prepares each layer for each size of a batch, which takes long, and torch keeps what it
    has prepared for each thread. All batches therefore run in the same thread, and batches on a
    CUDA device are filled up to one of few sizes.
    """

    def __init__(
        self, network: nn.Module, device: torch.device, max_batch: int = MAX_BATCH
    ) -> None:
        # Half precision halves the work, and its kernels are made for channels last.
        self._type = torch.float16 if device.type == "cuda" else torch.float32
        self._network = network.to(device, self._type).to(memory_format=torch.channels_last)
        self._device = device
        self._max_batch = max_batch
        self._waiting: deque[_Request] = deque()

    def __call__(self, picture: Tensor) -> Tensor:
        """Returns the probabilities (labels,) of a picture (3, height, width), on the CPU.

        Raises the error that the network raises for this picture. Errors of other pictures in
        the batch have no effect.
        """
        request = _Request(picture)
        self._waiting.append(request)
        _thread.submit(self._run_waiting)
        try:
            return request.result.result()
        finally:
            del request  # an error refers to this frame, which must not refer back to it

    def _run_waiting(self) -> None:
        size = min(len(self._waiting), self._max_batch)
        if size:  # otherwise an earlier batch has contained the picture
            self._run_batch([self._waiting.popleft() for _ in range(size)])

    def _run_batch(self, requests: "Sequence[_Request]") -> None:
        try:
            for request, probabilities in zip(requests, self._forward(requests), strict=True):
                request.result.set_result(probabilities)
            return
        # An accelerator can fail in many ways, for example because the batch is too large.
        except Exception as error:
            if len(requests) == 1:
                requests[0].result.set_exception(error)
                return
            log.warning(
                "a batch of %d failed, so its pictures run one by one: %s", len(requests), error
            )
        # Outside the except block, where no error keeps the memory of the failed batch.
        for request in requests:
            self._run_batch([request])

    def _forward(self, requests: "Sequence[_Request]") -> Tensor:
        pictures = torch.stack([request.picture for request in requests])
        if self._device.type == "cuda":
            missing = _next_size(len(requests)) - len(requests)
            pictures = torch.cat([pictures, pictures[:1].expand(missing, -1, -1, -1)])
        pictures = pictures.to(self._device, self._type, memory_format=torch.channels_last)
        with torch.inference_mode():
            probabilities: Tensor = self._network(pictures).float().softmax(dim=1)
        return probabilities[: len(requests)].cpu()


def _next_size(count: int) -> int:
    """Returns the next power of two."""
    return 1 << (count - 1).bit_length()


class _Request:
    def __init__(self, picture: Tensor) -> None:
        self.picture = picture
        self.result: Future[Tensor] = Future()
