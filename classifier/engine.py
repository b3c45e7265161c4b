"""Models ready to run: loaded once however many ask at once, dropped when memory is short."""

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

from classifier import exports
from classifier.batches import Batches
from classifier.catalog import Model
from classifier.download import Report, ignore
from classifier.errors import SettingError, WeightsError
from classifier.exports import ExportError, Exports
from classifier.settings import uses_cuda
from classifier.weights import Store

log = logging.getLogger(__name__)

Run = Callable[[Tensor], Tensor]
Wrapped = TypeVar("Wrapped")


@dataclass
class _Loaded:
    """A network in memory, whatever it is wrapped in, which `users` run at the moment."""

    network: Any
    megabytes: float
    users: int = 0


class Engine:
    """Runs models on one device and keeps those in memory that were used last.

    On the processor they run in ONNX Runtime, those that cannot be exported in torch; on
    an accelerator in torch, in batches. `threads` of the processor work on one picture.
    The networks take `memory_mb` (2²⁰ bytes) of the device's memory together at most,
    unless more are in use at once.
    """

    def __init__(
        self, device: str, store: Store, exported: Path, *, threads: int, memory_mb: float
    ) -> None:
        """Raises SettingError if the device is not there."""
        if device == "cuda" and not torch.cuda.is_available():
            raise SettingError("CLASSIFIER_DEVICE", device, "cpu or auto: no CUDA device is here")
        self.device = torch.device("cuda" if uses_cuda(device) else "cpu")
        self._store = store
        self._exports = Exports(exported, threads)
        self._memory_mb = memory_mb
        self._loaded: OrderedDict[str, _Loaded] = OrderedDict()  # the last used comes last
        self._lock = Lock()  # held for moments only; loading has a lock for each model
        self._loading: defaultdict[str, Lock] = defaultdict(Lock)

    def is_ready(self, model: Model) -> bool:
        """Whether the model's weights are on this machine."""
        return isinstance(model.weights, Path) or self._store.has(model.weights)

    def fetch(self, model: Model, report: Report = ignore) -> Path:
        """The file of the model's weights, downloaded if it is not here.

        Raises WeightsError if it cannot be had.
        """
        if isinstance(model.weights, Path):
            return model.weights
        return self._store.fetch(model.weights, report)

    def has_room(self, model: Model) -> bool:
        """Whether the model is in memory, or fits beside those that are."""
        with self._lock:
            used = sum(loaded.megabytes for loaded in self._loaded.values())
            return model.name in self._loaded or used + self._megabytes(model) <= self._memory_mb

    @contextmanager
    def using(self, model: Model) -> Iterator[Run]:
        """The model, in memory for as long as the context lasts.

        It turns a picture (3, height, width) into probabilities (labels,) on the processor.
        Raises WeightsError if its weights cannot be had or do not fit.
        """
        with self._held(model.name, self._megabytes(model), lambda: self._build(model)) as run:
            yield run

    @contextmanager
    def studying(
        self, model: Model, wrap: Callable[[nn.Module, Tensor], Wrapped]
    ) -> Iterator[Wrapped]:
        """The model's own network in torch, for what takes more than its answers.

        It counts against the same memory as the copy that answers. `wrap` is called once,
        when it is loaded, with the network in evaluation mode, in single precision, and an
        example of its input (1, 3, height, width). Raises WeightsError as `using` does.
        """

        def build() -> Wrapped:
            network = _network(model, self.fetch(model)).requires_grad_(False).to(self.device)
            return wrap(network, torch.rand(1, *model.shape, device=self.device))

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
                    self._drop()
        try:
            yield loaded.network
        finally:
            with self._lock:
                loaded.users -= 1
                self._drop()

    def _take(self, name: str) -> _Loaded | None:
        with self._lock:
            loaded = self._loaded.get(name)
            if loaded:
                loaded.users += 1
                self._loaded.move_to_end(name)
            return loaded

    def _megabytes(self, model: Model) -> float:
        return model.parameters * (2 if self.device.type == "cuda" else 4) / (1 << 20)

    def _drop(self) -> None:
        """Makes room: out goes what was unused for longest, but never the last used."""
        used = sum(loaded.megabytes for loaded in self._loaded.values())
        for name, loaded in list(self._loaded.items())[:-1]:
            if used <= self._memory_mb:
                return
            if not loaded.users:
                del self._loaded[name]
                used -= loaded.megabytes
                log.info("dropped %s from memory", name)

    def _build(self, model: Model) -> Run:
        weights = self.fetch(model)
        log.info("loading %s", model.name)
        if self.device.type == "cpu":
            try:
                session = self._exports.session(model, weights, lambda: _network(model, weights))
                return partial(exports.run, session)
            except OSError as error:
                raise _unfit(model, weights) from error
            except ExportError as error:
                log.warning("%s runs in torch, for it cannot be exported: %s", model.name, error)
            return partial(_run, _network(model, weights))
        return Batches(_network(model, weights), self.device)


def _network(model: Model, weights: Path) -> nn.Module:
    """The model's network in evaluation mode. Raises WeightsError if its weights do not fit."""
    network = model.build()
    try:
        network.load_state_dict(model.read(weights))
    except Exception as error:
        raise _unfit(model, weights) from error
    return network.eval()


def _unfit(model: Model, weights: Path) -> WeightsError:
    return WeightsError(
        f"The weights of {model.name} in {weights} do not fit it: "
        "the file is damaged, or another model's."
    )


def _run(network: nn.Module, picture: Tensor) -> Tensor:
    with torch.inference_mode():
        scores: Tensor = network(picture.unsqueeze(0))[0]
        return scores.softmax(dim=0)
