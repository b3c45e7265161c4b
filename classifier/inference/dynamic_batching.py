"""Dynamic batching: pictures that wait at the same time run through a network together."""

import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)

MAX_BATCH = 64


class DynamicBatcher:
    """Runs a network on an accelerator, in batches of the pictures that are waiting.

    One batch runs at a time. Pictures that arrive meanwhile form the next batch, and the
    first caller to continue runs it for all of them. A single picture never waits for others.
    The batcher needs no thread of its own.
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
        self._running = Lock()

    def __call__(self, picture: Tensor) -> Tensor:
        """Returns the probabilities (labels,) of a picture (3, height, width), on the CPU.

        Raises the error that the network raises for this picture. Errors of other pictures in
        the batch have no effect.
        """
        request = _Request(picture)
        self._waiting.append(request)
        while not request.result.done():
            with self._running:
                # Another caller may have run this request, or left others before it.
                if not request.result.done():
                    size = min(len(self._waiting), self._max_batch)
                    self._run_batch([self._waiting.popleft() for _ in range(size)])
        try:
            return request.result.result()
        finally:
            del request  # an error refers to this frame, which must not refer back to it

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
        pictures = pictures.to(self._device, self._type, memory_format=torch.channels_last)
        with torch.inference_mode():
            probabilities: Tensor = self._network(pictures).float().softmax(dim=1)
        return probabilities.cpu()


class _Request:
    def __init__(self, picture: Tensor) -> None:
        self.picture = picture
        self.result: Future[Tensor] = Future()
