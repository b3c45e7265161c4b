"""Models as ONNX files: exported once, cached in a folder, and run by ONNX Runtime."""

import hashlib
import io
import json
import logging
import re
import warnings
from collections.abc import Callable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock
from typing import Any, cast

import torch
from filelock import FileLock
from torch import Tensor, nn

from classifier import models
from classifier.models.model import Model
from classifier.models.onnx_network import OnnxNetwork
from classifier.models.onnx_runtime import InferenceSession, SessionOptions
from classifier.models.weights import RemoteWeights

log = logging.getLogger(__name__)

OPSET = 20
# The largest accepted difference of a probability. Other orders of summation cause about 1e-6.
TOLERANCE = 1e-4
MAX_NAME = 100  # characters of a model's name in the name of its export
# What decides what an export contains.
PACKAGES = ("torch", "torchvision", "timm", "transformers", "onnx", "onnxruntime")
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
                return self.open(file)
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
        return self.open(file) if _save(file, content) else session

    def open(self, file: Path) -> InferenceSession:
        """Returns a session of a file. Raises the errors of the runtime."""
        return self._open(str(file))

    def _open(self, source: str | bytes) -> InferenceSession:
        return InferenceSession(source, self._options, providers=["CPUExecutionProvider"])

    def path(self, model: Model, weights: Path) -> Path:
        """Returns where the export of a model is, or where it will be.

        The file name changes with the weights, the input, and the versions of everything
        that produces the export.
        """
        if isinstance(model.weights, RemoteWeights):
            digest = model.weights.sha256
        else:
            with weights.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        identity = json.dumps([model.name, digest, model.input_shape, _versions(), _code_digest()])
        key = hashlib.sha256(identity.encode()).hexdigest()[:16]
        readable = re.sub(r"[^\w.-]+", "_", model.name)[-MAX_NAME:]
        return self.folder / f"{readable}-{key}.onnx"


def run(session: InferenceSession, picture: Tensor) -> Tensor:
    """Returns the probabilities (labels,) of a picture (3, height, width)."""
    (probabilities,) = session.run(None, {"picture": picture.unsqueeze(0).numpy()})
    return torch.from_numpy(probabilities[0])


def run_own(session: InferenceSession, network: OnnxNetwork, picture: Tensor) -> Tensor:
    """Returns the probabilities (labels,) of a picture with a network that is an ONNX file."""
    inputs = {network.input: network.arrange(picture.numpy())}
    (values,) = session.run([network.output], inputs)
    numbers = torch.from_numpy(values).flatten().float()
    return numbers.softmax(dim=0) if network.is_scores else numbers


@cache
def _versions() -> list[str]:
    """Returns the versions of the installed packages that determine what an export contains."""
    found = []
    for package in PACKAGES:
        try:
            found.append(version(package))
        except PackageNotFoundError:
            found.append("")
    return found


@cache
def _code_digest() -> str:
    """Returns a digest of the code that determines what an export contains."""
    folder = Path(models.__path__[0])
    files = [*sorted(folder.rglob("*.py")), Path(__file__)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


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
