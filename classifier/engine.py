"""A model ready to run, loaded once however many ask for it at once."""

import logging
from collections import defaultdict
from pathlib import Path
from threading import Lock

import torch
from torch import Tensor, nn

from classifier.catalog import Model
from classifier.download import Report, ignore
from classifier.errors import SettingError, WeightsError
from classifier.weights import Store

log = logging.getLogger(__name__)


class Engine:
    """Runs models on one device and keeps the loaded ones in memory."""

    def __init__(self, device: str, store: Store) -> None:
        """Raises SettingError if the device is not there."""
        if device == "cuda" and not torch.cuda.is_available():
            raise SettingError("CLASSIFIER_DEVICE", device, "cpu or auto: no CUDA device is here")
        cuda = device != "cpu" and torch.cuda.is_available()
        self.device = torch.device("cuda" if cuda else "cpu")
        self._store = store
        self._networks: dict[str, nn.Module] = {}
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)

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

    def load(self, model: Model) -> nn.Module:
        """The model's network, on the device, in evaluation mode.

        Raises WeightsError if its weights cannot be had or do not fit.
        """
        with self._locks[model.name]:
            if model.name not in self._networks:
                self._networks[model.name] = self._build(model)
            return self._networks[model.name]

    def run(self, model: Model, pictures: Tensor) -> Tensor:
        """Probabilities (N, labels), on the processor, of pictures (N, 3, height, width)."""
        network = self.load(model)
        with torch.inference_mode():
            probabilities: Tensor = network(pictures.to(self.device)).float().softmax(dim=1)
        return probabilities.cpu()

    def _build(self, model: Model) -> nn.Module:
        path = self.fetch(model)
        network = model.build()
        try:
            network.load_state_dict(model.read(path))
        except Exception as error:
            raise WeightsError(
                f"The weights of {model.name} in {path} do not fit it: "
                "the file is damaged, or another model's."
            ) from error
        log.info("loaded %s on %s", model.name, self.device)
        return network.eval().to(self.device)
