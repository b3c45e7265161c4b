"""The engine: loads models once, runs them, and evicts them when memory is short."""

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from classifier.download import ProgressCallback, no_progress
from classifier.errors import InputError, SettingError, WeightsError
from classifier.inference import onnx_exports
from classifier.inference.dynamic_batching import DynamicBatcher
from classifier.inference.onnx_exports import ExportError, OnnxExports
from classifier.models.model import Model, TorchNetwork
from classifier.models.onnx_network import OnnxNetwork
from classifier.models.onnx_runtime import InferenceSession
from classifier.models.weights import WeightsCache
from classifier.settings import uses_cuda

log = logging.getLogger(__name__)

Run = Callable[[Tensor], Tensor]
Wrapped = TypeVar("Wrapped")


@dataclass
class _Loaded:
    """A network in memory, wrapped in whatever runs it, with its number of current `users`."""

    network: Any
    megabytes: float
    users: int = 0


class Engine:
    """Runs models on one device and keeps the most recently used ones in memory.

    On a CPU, models run in ONNX Runtime, or in torch if they cannot be exported. On an
    accelerator they run in torch, in batches. A picture uses `threads` threads of the CPU.
    The loaded networks take at most `memory_mb` (2²⁰ bytes) of the device's memory, unless
    the networks that are in use at the same time need more.
    """

    def __init__(
        self,
        device: str,
        weights: WeightsCache,
        exports: Path,
        *,
        threads: int,
        memory_mb: float,
    ) -> None:
        """Raises SettingError if the device does not exist."""
        if device == "cuda" and not torch.cuda.is_available():
            raise SettingError(
                "CLASSIFIER_DEVICE", device, "cpu or auto, because there is no CUDA device"
            )
        self.device = torch.device("cuda" if uses_cuda(device) else "cpu")
        self._weights = weights
        self._exports = OnnxExports(exports, threads)
        self._memory_mb = memory_mb
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()  # most recently used last
        self._lock = Lock()  # held only briefly; loading has a lock for each model
        self._loading: defaultdict[str, Lock] = defaultdict(Lock)

    def is_downloaded(self, model: Model) -> bool:
        """Whether the weights of the model are on this machine."""
        return self._weights.has(model.weights)

    def download(self, model: Model, report: ProgressCallback = no_progress) -> Path:
        """Returns the file of the model's weights, and downloads it first if it is missing.

        Raises WeightsError if the download fails.
        """
        return self._weights.fetch(model.weights, report)

    def fits_in_memory(self, model: Model) -> bool:
        """Whether the model is loaded, or can be loaded without evicting another one."""
        with self._lock:
            used = sum(loaded.megabytes for loaded in self._loaded.values())
            return model.name in self._loaded or used + self._megabytes(model) <= self._memory_mb

    def loaded_megabytes(self) -> dict[str, float]:
        """Returns the memory of each network that is loaded (2²⁰ bytes)."""
        with self._lock:
            return {name: loaded.megabytes for name, loaded in self._loaded.items()}

    def evict(self, model: Model) -> None:
        """Removes a model from memory, as soon as nobody uses it."""
        with self._lock:
            self._loaded.pop(model.name, None)

    @contextmanager
    def loaded(self, model: Model) -> Iterator[Run]:
        """Keeps the model in memory while the context is open, and loads it first if needed.

        The value is a function from a picture (3, height, width) to probabilities (labels,)
        on the CPU. Raises WeightsError if the weights cannot be downloaded or do not fit.
        """
        with self._held(model.name, self._megabytes(model), lambda: self._build(model)) as run:
            yield run

    @contextmanager
    def torch_network(
        self, model: Model, wrap: Callable[[nn.Module, Tensor], Wrapped]
    ) -> Iterator[Wrapped]:
        """Keeps the model's torch network in memory, for work that needs more than predictions.

        It counts towards the same memory limit as the copy that predicts. `wrap` is called
        once, when the network is loaded, with the network in evaluation mode and single
        precision and an example of its input (1, 3, height, width). Raises WeightsError as
        `loaded` does, and InputError if the network is an ONNX file.
        """

        def build() -> Wrapped:
            if isinstance(model.network, OnnxNetwork):
                raise InputError(f"{model.name} is an ONNX file and has no network of torch.")
            network = _load(model.network, model, self.download(model))
            network = network.requires_grad_(False).to(self.device)
            return wrap(network, torch.rand(1, *model.input_shape, device=self.device))

        with self._held(f"{model.name} in torch", model.parameters * 4 / (1 << 20), build) as held:
            yield held

    @contextmanager
    def _held(self, name: str, megabytes: float, build: Callable[[], Wrapped]) -> Iterator[Wrapped]:
        with self._loading[name]:
            loaded = self._take(name)
            if loaded is None:
                loaded = _Loaded(build(), megabytes, users=1)
                with self._lock:
                    self._loaded[name] = loaded
                    self._evict()
        try:
            yield loaded.network
        finally:
            with self._lock:
                loaded.users -= 1
                self._evict()

    def _take(self, name: str) -> _Loaded | None:
        with self._lock:
            loaded = self._loaded.get(name)
            if loaded:
                loaded.users += 1
                self._loaded.move_to_end(name)
            return loaded

    def _megabytes(self, model: Model) -> float:
        return model.parameters * (2 if self.device.type == "cuda" else 4) / (1 << 20)

    def _evict(self) -> None:
        """Evicts the least recently used networks until the rest fits, except the newest."""
        used = sum(loaded.megabytes for loaded in self._loaded.values())
        for name, loaded in list(self._loaded.items())[:-1]:
            if used <= self._memory_mb:
                return
            if not loaded.users:
                del self._loaded[name]
                used -= loaded.megabytes
                log.info("evicted %s from memory", name)

    def _build(self, model: Model) -> Run:
        weights = self.download(model)
        log.info("loading %s", model.name)
        network = model.network
        if isinstance(network, OnnxNetwork):  # on the CPU, also if there is another device
            return partial(onnx_exports.run_own, self._open(model, weights), network)
        if self.device.type == "cpu":
            try:
                session = self._exports.session(
                    model, weights, lambda: _load(network, model, weights)
                )
                return partial(onnx_exports.run, session)
            except OSError as error:
                raise _unfit(model, weights) from error
            except ExportError as error:
                log.warning("%s cannot be exported and runs in torch: %s", model.name, error)
            return partial(_run, _load(network, model, weights))
        return DynamicBatcher(_load(network, model, weights), self.device)

    def _open(self, model: Model, file: Path) -> InferenceSession:
        try:
            return self._exports.open(file)
        except Exception as error:  # the runtime has a different one for each kind of damage
            raise _unfit(model, file) from error


def _load(network: TorchNetwork, model: Model, weights: Path) -> nn.Module:
    """Builds the network in evaluation mode. Raises WeightsError if the weights do not fit."""
    try:
        return network.load(weights)
    except Exception as error:
        raise _unfit(model, weights) from error


def _unfit(model: Model, weights: Path) -> WeightsError:
    return WeightsError(
        f"The weights of {model.name} in {weights} do not fit it: "
        "the file is damaged or belongs to another model."
    )


def _run(network: nn.Module, picture: Tensor) -> Tensor:
    with torch.inference_mode():
        scores: Tensor = network(picture.unsqueeze(0))[0]
        return scores.softmax(dim=0)
