"""Several pictures at once through a network on an accelerator."""

import logging
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock

import torch
from torch import Tensor, nn

log = logging.getLogger(__name__)

MOST = 64


class Batches:
    """Runs a network on pictures that come one by one, grouping those that wait.

    One batch runs at a time. Whoever comes meanwhile waits, and the first of them to go on
    takes all of them along: a lone picture is never held for company. No thread of its own
    is needed, and none is left behind.
    """

    def __init__(self, network: nn.Module, device: torch.device, most: int = MOST) -> None:
        # Half precision halves the work, and channels last is what its kernels are made for.
        self._type = torch.float16 if device.type == "cuda" else torch.float32
        self._network = network.to(device, self._type).to(memory_format=torch.channels_last)
        self._device = device
        self._most = most
        self._waiting: deque[_Job] = deque()
        self._running = Lock()

    def __call__(self, picture: Tensor) -> Tensor:
        """Probabilities (labels,), on the processor, of a picture (3, height, width).

        Raises what the network raises for this picture, whatever becomes of the others.
        """
        job = _Job(picture)
        self._waiting.append(job)
        while not job.result.done():
            with self._running:
                # Others may have taken the job along, or left others before it.
                if not job.result.done():
                    jobs = min(len(self._waiting), self._most)
                    self._answer([self._waiting.popleft() for _ in range(jobs)])
        try:
            return job.result.result()
        finally:
            del job  # an error holds this frame, and must not hold the job that holds it

    def _answer(self, jobs: "Sequence[_Job]") -> None:
        try:
            for job, probabilities in zip(jobs, self._run(jobs), strict=True):
                job.result.set_result(probabilities)
            return
        # An accelerator can fail in many ways, among them that a batch is too large for it.
        except Exception as error:
            if len(jobs) == 1:
                jobs[0].result.set_exception(error)
                return
            log.warning("a batch of %d failed and is run one by one: %s", len(jobs), error)
        # Here, where no error holds the memory of the failed batch any more.
        for job in jobs:
            self._answer([job])

    def _run(self, jobs: "Sequence[_Job]") -> Tensor:
        pictures = torch.stack([job.picture for job in jobs])
        pictures = pictures.to(self._device, self._type, memory_format=torch.channels_last)
        with torch.inference_mode():
            probabilities: Tensor = self._network(pictures).float().softmax(dim=1)
        return probabilities.cpu()


class _Job:
    def __init__(self, picture: Tensor) -> None:
        self.picture = picture
        self.result: Future[Tensor] = Future()
