"""Networks as ONNX files: exported once, kept in a folder, run by ONNX Runtime."""

import hashlib
import io
import json
import logging
import os
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, cast

import onnx
import torch
import torchvision
from filelock import FileLock
from torch import Tensor, nn

from classifier import catalog
from classifier.bundled import network
from classifier.catalog import Model

# Set before the import, or the runtime reports its use to Microsoft when there is a network.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime
from onnxruntime import InferenceSession, SessionOptions

log = logging.getLogger(__name__)

OPSET = 20
# How far a probability may be off. Other orders of summation account for some 1e-6.
TOLERANCE = 1e-4
# The exporter keeps its state in globals.
_exporting = Lock()


class ExportError(Exception):
    """Raised if a network cannot be had as ONNX, or answers differently then."""


class Exports:
    """A folder of exported networks that fills on demand.

    Nothing depends on it: if it cannot be written, networks are exported at every start.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self.folder = folder
        self._options = SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.inter_op_num_threads = 1
        self._options.log_severity_level = 3
        # Threads that wait must not take the processor from those that have work.
        self._options.add_session_config_entry("session.intra_op.allow_spinning", "0")

    def session(
        self, model: Model, weights: Path, build: Callable[[], nn.Module]
    ) -> InferenceSession:
        """The model, ready to run: `picture` (1, 3, height, width) to `probabilities`.

        `build` gives the network in evaluation mode; it is called only if there is no
        export yet, or a damaged one. Raises ExportError, what `build` raises, and OSError
        if the weights cannot be read.
        """
        file = self.path(model, weights)
        try:
            if file.is_file():
                return self._open(str(file))
        # The runtime has an exception of its own for each kind of damage.
        except Exception as error:
            log.warning("%s cannot be used and is exported anew: %s", file, error)
        whole = nn.Sequential(build(), nn.Softmax(dim=1)).eval()
        example = torch.rand(1, *model.shape)
        try:
            content = _export(whole, example)
            session = self._open(content)
            difference = (run(session, example[0]) - _reference(whole, example)).abs().max()
        # Exporter, converter and runtime fail each in ways of their own.
        except Exception as error:
            raise ExportError(str(error) or type(error).__name__) from error
        if not difference <= TOLERANCE:
            raise ExportError(f"its probabilities differ by {difference:.2g}")
        # A session keeps the bytes that it was made from; one made from a file has none.
        return self._open(str(file)) if _keep(file, content) else session

    def _open(self, source: str | bytes) -> InferenceSession:
        return InferenceSession(source, self._options, providers=["CPUExecutionProvider"])

    def path(self, model: Model, weights: Path) -> Path:
        """Where the export of a model is, or will be.

        Other weights, another input or another version of what makes it is another file.
        """
        if isinstance(model.weights, Path):
            digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        else:
            digest = model.weights.sha256
        versions = [module.__version__ for module in (torch, torchvision, onnx, onnxruntime)]
        identity = json.dumps([model.name, digest, model.shape, versions, _code()])
        key = hashlib.sha256(identity.encode()).hexdigest()[:16]
        return self.folder / f"{model.name}-{key}.onnx"


def run(session: InferenceSession, picture: Tensor) -> Tensor:
    """Probabilities (labels,) of a picture (3, height, width)."""
    (probabilities,) = session.run(None, {"picture": picture.unsqueeze(0).numpy()})
    return torch.from_numpy(probabilities[0])


@cache
def _code() -> list[str]:
    """Digests of the modules that say what an export holds."""
    files = [Path(module.__file__ or "") for module in (catalog, network)] + [Path(__file__)]
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def _export(network: nn.Module, example: Tensor) -> bytes:
    content = io.BytesIO()
    # torch calls this exporter old, but it takes a second where the new one takes ten.
    with _exporting, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            cast(Any, content),  # this exporter takes it, the annotation speaks of the other
            dynamo=False,
            opset_version=OPSET,
            input_names=["picture"],
            output_names=["probabilities"],
        )
    return content.getvalue()


def _reference(network: nn.Module, example: Tensor) -> Tensor:
    with torch.inference_mode():
        probabilities: Tensor = network(example)[0]
    return probabilities


def _keep(file: Path, content: bytes) -> bool:
    """Writes the file at once or not at all, whoever else writes it; tells whether it did."""
    partial = file.with_suffix(".partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock"):
            try:
                partial.write_bytes(content)
                partial.replace(file)
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        log.warning("the export %s could not be kept: %s", file, error)
        return False
    return True
