"""An ONNX file of any framework: model.onnx, labels.txt and an optional preprocessing.json.

Only the file itself says what it expects and returns. It is therefore downloaded at the start if
it is on the Hugging Face Hub, and it runs once to check it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy
import onnx
from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto
from PIL import Image

from classifier.errors import ModelError
from classifier.models import hub
from classifier.models.model import Model, Preprocessing
from classifier.models.onnx_network import OnnxNetwork
from classifier.models.onnx_runtime import InferenceSession
from classifier.models.own import preprocessing
from classifier.models.own.files import Files
from classifier.models.sizes import describe
from classifier.models.weights import LocalWeights

FILE = "model.onnx"
TYPES = {TensorProto.FLOAT: "float32", TensorProto.FLOAT16: "float16", TensorProto.UINT8: "uint8"}
# What only copies or reshapes values.
PASSING = {"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Dropout"}
# The last layers of networks that return scores, sometimes called logits.
LINEAR = {"Gemm", "MatMul", "Add", "Conv", "GlobalAveragePool", "ReduceMean"}
PROBABILITIES = "probabilities"  # what converters of scikit-learn call this output
SUM_TOLERANCE = 1e-2


@dataclass(frozen=True)
class _Input:
    """The input of a file: its name, its layout, and the sides and channels that it fixes."""

    name: str
    type: str
    layout: str
    size: tuple[int, int] | None
    channels: int | None


def load(name: str, files: Files) -> Model:
    """Returns the model. Raises ModelError if labels and network do not fit together."""
    labels = files.labels()
    weights = files.weights(FILE)
    path = weights.path if isinstance(weights, LocalWeights) else hub.download(weights)
    where = files.location(FILE)
    file = _read(path, where)
    options = preprocessing.options(files)
    entry = _input(file.graph, options, where)
    steps = preprocessing.read(files, entry.size, entry.channels)
    session = _open(path, where)
    output = _output(file.graph, session, len(labels), where)
    network = OnnxNetwork(
        input=entry.name,
        output=output.name,
        type=entry.type,
        layout=entry.layout,
        is_scores=_is_scores(file.graph, output.name, options, where),
    )
    _try(session, network, steps, len(labels), where)
    parameters = sum(_count(tensor) for tensor in file.graph.initializer)
    return Model(
        name=name,
        description=describe(parameters, len(labels)),
        labels=labels,
        parameters=parameters,
        megabytes=path.stat().st_size / (1 << 20),
        preprocessing=steps,
        network=network,
        weights=weights,
    )


def _read(path: Path, where: str) -> ModelProto:
    try:
        file = onnx.load(str(path), load_external_data=False)
    except Exception as error:  # of protobuf
        raise ModelError(f"{where} is not an ONNX file: {error}.") from error
    for tensor in file.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                _check_external(entry.value, path, where)
    return file


def _check_external(location: str, path: Path, where: str) -> None:
    """Raises ModelError unless a file with values is in the same folder as the ONNX file."""
    is_inside = not any(
        kind(location).is_absolute() or ".." in kind(location).parts
        for kind in (PurePosixPath, PureWindowsPath)
    )
    if not is_inside or not (path.parent / location).is_file():
        raise ModelError(
            f"{where} keeps its values in {location}; expected that file in the same folder."
        )


def _input(graph: GraphProto, options: dict[str, Any], where: str) -> _Input:
    stored = {tensor.name for tensor in graph.initializer}
    inputs = [entry for entry in graph.input if entry.name not in stored]
    if len(inputs) != 1:
        raise ModelError(f"{where} has {len(inputs)} inputs; expected one, the picture.")
    (entry,) = inputs
    kind = entry.type.tensor_type.elem_type
    if kind not in TYPES:
        raise ModelError(
            f"{where} takes {TensorProto.DataType.Name(kind)}; expected one of FLOAT, FLOAT16 and "
            "UINT8."
        )
    shape = _shape(entry)
    described = f"{where} takes an input of the shape {_describe(shape)}"
    if len(shape) not in (2, 4) or shape[0] not in (None, 1):
        raise ModelError(
            f"{described}; expected (1, channels, height, width), (1, height, width, channels) or "
            "(1, numbers), where the first side may be variable."
        )
    layout = options.get("layout", _layout(shape))
    if (layout == "flat") != (len(shape) == 2):
        raise ModelError(f"{described}, which is not {layout}, the layout in {preprocessing.FILE}.")
    if layout == "flat":
        return _Input(entry.name, TYPES[kind], layout, None, _flat_channels(shape, options, where))
    sides, channels = (shape[2:], shape[1]) if layout == "NCHW" else (shape[1:3], shape[3])
    if channels not in (None, 1, 3):
        raise ModelError(f"{described}, with {channels} channels in {layout}; expected 1 or 3.")
    height, width = sides
    size = (height, width) if height and width else None
    return _Input(entry.name, TYPES[kind], layout, size, channels)


def _layout(shape: list[int | None]) -> str:
    if len(shape) == 2:
        return "flat"
    return "NHWC" if shape[3] in (1, 3) and shape[1] not in (1, 3) else "NCHW"


def _flat_channels(shape: list[int | None], options: dict[str, Any], where: str) -> int:
    """Returns how many channels a row of numbers has for the size in preprocessing.json."""
    size = options.get("size")
    height, width = size if isinstance(size, list) and len(size) == 2 else (size, size)
    if not isinstance(height, int) or not isinstance(width, int):
        raise ModelError(
            f"{where} takes a row of {shape[1] or 'any number of'} numbers; expected "
            f"{preprocessing.FILE} with the size of the picture."
        )
    channels = preprocessing.CHANNELS.get(options.get("channels", "RGB"), 3)
    if shape[1] is not None and shape[1] != height * width * channels:
        raise ModelError(
            f"{where} takes a row of {shape[1]} numbers; expected {height * width * channels} for "
            f"{height} × {width} pixels with {channels} channels, as {preprocessing.FILE} says."
        )
    return channels


def _output(
    graph: GraphProto, session: InferenceSession, labels: int, where: str
) -> ValueInfoProto:
    """Returns the output with a number for each label."""
    numbers: list[ValueInfoProto] = [
        entry for entry in graph.output if entry.type.tensor_type.elem_type in TYPES
    ]
    fitting = [entry for entry in numbers if _shape(entry)[-1:] in ([labels], [None])]
    named = [entry for entry in fitting if entry.name == PROBABILITIES]
    if len(named or fitting) == 1:
        return (named or fitting)[0]
    found = ", ".join(f"{entry.name} {_describe(_shape(entry))}" for entry in numbers) or "none"
    raise ModelError(
        f"{where} has the outputs {found}; expected one with {labels} numbers, one for each label "
        "in labels.txt."
    )


def _is_scores(graph: GraphProto, output: str, options: dict[str, Any], where: str) -> bool:
    """Whether the output holds scores: what preprocessing.json says, or else the graph."""
    if "output" in options:
        return bool(options["output"] == "scores")
    makers = {name: node for node in graph.node for name in node.output}
    node = makers.get(output)
    while node is not None and node.op_type in PASSING:
        node = makers.get(node.input[0])
    kind = node.op_type if node is not None else "nothing"
    if kind == "Softmax":
        return False
    if kind in LINEAR or kind == "LogSoftmax":  # the logarithms of probabilities are scores, too
        return True
    raise ModelError(
        f"{where} does not say whether {output}, which {kind} computes, holds scores or "
        f'probabilities; add "output": "scores" or "output": "probabilities" to '
        f"{preprocessing.FILE}."
    )


def _open(path: Path, where: str) -> InferenceSession:
    try:
        return InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has a different one for each kind of damage
        raise ModelError(f"{where} cannot be run: {_first_line(error)}.") from error


def _try(
    session: InferenceSession, network: OnnxNetwork, steps: Preprocessing, labels: int, where: str
) -> None:
    """Runs the network once. Raises ModelError if it fails or returns something else."""
    picture = steps.apply(Image.new("RGB", (64, 64), "gray")).numpy()
    try:
        (values,) = session.run([network.output], {network.input: network.arrange(picture)})
    except Exception as error:  # as in `_open`
        raise ModelError(f"{where} cannot be run: {_first_line(error)}.") from error
    if numpy.size(values) != labels:
        raise ModelError(
            f"{where} returns {numpy.size(values)} numbers; expected {labels}, one for each label "
            "in labels.txt."
        )
    if not network.is_scores and abs(float(numpy.sum(values)) - 1) > SUM_TOLERANCE:
        raise ModelError(
            f"{where} returns numbers with the sum {float(numpy.sum(values)):.3g}; expected "
            f'probabilities with the sum 1, or "output": "scores" in {preprocessing.FILE}.'
        )


def _shape(entry: ValueInfoProto) -> list[int | None]:
    """Returns the sides of a tensor; None for those that may vary."""
    return [
        side.dim_value if side.HasField("dim_value") and side.dim_value > 0 else None
        for side in entry.type.tensor_type.shape.dim
    ]


def _describe(shape: Iterable[int | None]) -> str:
    return "(" + ", ".join("any" if side is None else str(side) for side in shape) + ")"


def _count(tensor: TensorProto) -> int:
    return int(numpy.prod(tensor.dims, dtype=numpy.int64))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
