"""Models as ONNX files: exported once, cached in a folder, and run by ONNX Runtime."""

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

from classifier.models import bundled_model, torchvision_models
from classifier.models.bundled import network
from classifier.models.model import Model

# Set before the import: otherwise the runtime sends usage reports to Microsoft.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime
from onnxruntime import InferenceSession, SessionOptions

log = logging.getLogger(__name__)

OPSET = 20
# The largest accepted difference of a probability. Other orders of summation cause about 1e-6.
TOLERANCE = 1e-4
# The exporter keeps its state in global variables.
_exporting = Lock()


class ExportError(Exception):
    """Raised if a network cannot be exported to ONNX, or predicts differently afterwards."""


class OnnxExports:
    """A cache folder of exported networks.

    If the folder cannot be written, networks are exported again at every start.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self.folder = folder
        self._options = SessionOptions()
        self._options.intra_op_num_threads = threads
        self._options.inter_op_num_threads = 1
        self._options.log_severity_level = 3
        # Waiting threads must not take the processor from threads that have work.
        self._options.add_session_config_entry("session.intra_op.allow_spinning", "0")

    def session(
        self, model: Model, weights: Path, build: Callable[[], nn.Module]
    ) -> InferenceSession:
        """Returns a session from `picture` (1, 3, height, width) to `probabilities`.

        `build` creates the network in evaluation mode. It is called only if there is no
        export yet, or if the export is damaged. Raises ExportError, OSError if the weights
        cannot be read, and the errors of `build`.
        """
        file = self.path(model, weights)
        try:
            if file.is_file():
                return self._open(str(file))
        # The runtime has a different exception for each kind of damage.
        except Exception as error:
            log.warning("%s cannot be used and will be exported again: %s", file, error)
        whole = nn.Sequential(build(), nn.Softmax(dim=1)).eval()
        example = torch.rand(1, *model.input_shape)
        try:
            content = _export(whole, example)
            session = self._open(content)
            difference = (run(session, example[0]) - _reference(whole, example)).abs().max()
        # The exporter, the converter and the runtime all have errors of their own.
        except Exception as error:
            raise ExportError(str(error) or type(error).__name__) from error
        if not difference <= TOLERANCE:
            raise ExportError(f"its probabilities differ by {difference:.2g}")
        # A session that was created from bytes keeps them; one created from a file does not.
        return self._open(str(file)) if _save(file, content) else session

    def _open(self, source: str | bytes) -> InferenceSession:
        return InferenceSession(source, self._options, providers=["CPUExecutionProvider"])

    def path(self, model: Model, weights: Path) -> Path:
        """Returns where the export of a model is, or where it will be.

        The file name changes with the weights, the input, and the versions of everything
        that produces the export.
        """
        if isinstance(model.weights, Path):
            digest = hashlib.sha256(weights.read_bytes()).hexdigest()
        else:
            digest = model.weights.sha256
        versions = [module.__version__ for module in (torch, torchvision, onnx, onnxruntime)]
        identity = json.dumps([model.name, digest, model.input_shape, versions, _code_digests()])
        key = hashlib.sha256(identity.encode()).hexdigest()[:16]
        return self.folder / f"{model.name}-{key}.onnx"


def run(session: InferenceSession, picture: Tensor) -> Tensor:
    """Returns the probabilities (labels,) of a picture (3, height, width)."""
    (probabilities,) = session.run(None, {"picture": picture.unsqueeze(0).numpy()})
    return torch.from_numpy(probabilities[0])


@cache
def _code_digests() -> list[str]:
    """Returns digests of the modules that determine what an export contains."""
    modules = (bundled_model, torchvision_models, network)
    files = [Path(module.__file__ or "") for module in modules] + [Path(__file__)]
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def _export(network: nn.Module, example: Tensor) -> bytes:
    content = io.BytesIO()
    # torch calls this exporter old, but it takes one second where the new one takes ten.
    with _exporting, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            cast(Any, content),  # accepted here; the annotation describes the new exporter
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


def _save(file: Path, content: bytes) -> bool:
    """Writes the whole file or nothing, even if others write it too; returns its success."""
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
        log.warning("the export %s could not be saved: %s", file, error)
        return False
    return True
