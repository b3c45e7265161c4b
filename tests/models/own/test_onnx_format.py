"""ONNX files of any framework."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import onnx
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from classifier.errors import InputError, ModelError
from classifier.inference.explanation import explain
from classifier.models import catalogue
from classifier.models.model import Model
from classifier.models.onnx_runtime import InferenceSession
from classifier.models.own.preprocessing import MEAN, STD
from tests.support import agreement
from tests.support.picture_files import encode, scene

LABELS = ("daisy", "rose", "tulip")
SIDE = 8
FLOAT, FLOAT16, UINT8 = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8


def save(
    folder: Path,
    shape: tuple[Any, ...] = (1, 3, SIDE, SIDE),
    *,
    end: str = "Softmax",
    type: int = FLOAT,
    outputs: int = 3,
    **options: Any,
) -> None:
    """Saves a linear network with random weights that ends with an operation."""
    folder.mkdir(exist_ok=True)
    fixed = [SIDE if side == "side" else side for side in shape[1:]]
    numbers = int(numpy.prod([side or SIDE for side in fixed]))
    scale = 0.02 / options.get("range", 1)
    weights = numpy.random.default_rng(0).normal(0, scale, (numbers, outputs))
    last = "scores" if end in ("", "Identity") else "out"
    nodes = [
        helper.make_node("Cast", ["picture"], ["numbers"], to=FLOAT),
        helper.make_node("Flatten", ["numbers"], ["row"]),
        helper.make_node("MatMul", ["row", "weights"], ["scores"]),
    ]
    if end:
        last = "probabilities"
        nodes.append(helper.make_node(end, ["scores"], [last]))
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("picture", type, shape)],
        [helper.make_tensor_value_info(last, FLOAT, ["N", outputs])],
        [numpy_helper.from_array(weights.astype(numpy.float32), "weights")],
    )
    network = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(network, folder / "model.onnx")
    (folder / "labels.txt").write_text("\n".join(LABELS))
    if options:
        (folder / "preprocessing.json").write_text(json.dumps(options))


def run(folder: Path, picture: NDArray[Any]) -> torch.Tensor:
    """Returns what the file itself computes for its input."""
    session = InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"picture": picture})[0][0])


def pixels(channels: str = "RGB") -> NDArray[Any]:
    """Returns the middle of the picture as (height, width, channels) in 0-1."""
    width, height = scene().size
    resized = scene().resize((int(SIDE * width / height), SIDE), 2)
    left = round((resized.width - SIDE) / 2)
    cropped = resized.crop((left, 0, left + SIDE, SIDE)).convert("L" if channels == "L" else "RGB")
    values = numpy.asarray(cropped, numpy.float32) / 255
    return values[:, :, None] if channels == "L" else values


NORMAL = (pixels() - numpy.array(MEAN, numpy.float32)) / numpy.array(STD, numpy.float32)
PLAIN = {"mean": 0, "std": 1}


@pytest.mark.parametrize(
    ("shape", "options", "expected", "type"),
    [
        ((1, 3, SIDE, SIDE), {}, NORMAL.transpose(2, 0, 1)[None], FLOAT),
        (("N", 3, "side", "side"), {}, NORMAL.transpose(2, 0, 1)[None], FLOAT),
        ((1, SIDE, SIDE, 3), {}, NORMAL[None], FLOAT),
        ((1, SIDE, SIDE, 3), {"range": 255, **PLAIN}, 255 * pixels()[None], FLOAT),
        ((1, SIDE, SIDE, 3), {"channels": "BGR", **PLAIN}, pixels()[None, :, :, ::-1], FLOAT),
        ((1, SIDE, SIDE, 3), {"range": 255, **PLAIN}, 255 * pixels()[None], UINT8),
        ((1, 3, SIDE, SIDE), {}, NORMAL.transpose(2, 0, 1)[None], FLOAT16),
        ((1, 1, SIDE, SIDE), PLAIN, pixels("L").transpose(2, 0, 1)[None], FLOAT),
        ((1, SIDE, SIDE, 1), {"mean": 0.5, "std": 0.5}, 2 * pixels("L")[None] - 1, FLOAT),
        (("N", 3 * SIDE**2), {"size": SIDE, **PLAIN}, pixels().reshape(1, -1), FLOAT),
        (
            ("N", SIDE**2),
            {"size": SIDE, "channels": "L", **PLAIN},
            pixels("L").reshape(1, -1),
            FLOAT,
        ),
    ],
    ids=[
        "NCHW",
        "variable",
        "NHWC",
        "255",
        "BGR",
        "uint8",
        "float16",
        "gray",
        "gray NHWC",
        "flat",
        "flat gray",
    ],
)
def test_a_prediction_agrees_with_the_file(
    tmp_path: Path, shape: tuple[Any, ...], options: Any, expected: NDArray[Any], type: int
) -> None:
    if shape[2:] == ("side", "side"):
        options = {"size": SIDE}
    save(tmp_path, shape, type=type, **options)

    model = catalogue.find(str(tmp_path))

    numbers = numpy.ascontiguousarray(expected, helper.tensor_dtype_to_np_dtype(type))
    agreement.check(model, run(tmp_path, numbers), scene(), tmp_path)


@pytest.mark.parametrize(
    ("end", "options", "is_scores"),
    [
        ("Softmax", {}, False),
        ("", {}, True),
        ("Identity", {}, True),
        ("LogSoftmax", {}, True),
        ("Sigmoid", {"output": "scores"}, True),
        ("Softmax", {"output": "probabilities"}, False),
    ],
)
def test_scores_and_probabilities_are_told_apart(
    find: Callable[[Path], Model], tmp_path: Path, end: str, options: Any, is_scores: bool
) -> None:
    save(tmp_path / "flowers", end=end, **options)
    own = run(tmp_path / "flowers", NORMAL.transpose(2, 0, 1)[None])

    model = find(tmp_path / "flowers")

    agreement.check(model, own.softmax(0) if is_scores else own, scene(), tmp_path)
    assert model.labels == LABELS
    assert model.parameters == 3 * SIDE * SIDE * 3


def test_an_onnx_file_cannot_be_explained(tmp_path: Path) -> None:
    save(tmp_path)
    model = catalogue.find(str(tmp_path))
    classifier = agreement.classifier_of(model, tmp_path)

    with pytest.raises(InputError, match="cannot be explained: it is an ONNX file, which computes"):
        explain(classifier, encode(scene(), "PNG"), "scene.png", model)


def test_values_beside_the_file_are_read(tmp_path: Path) -> None:
    save(tmp_path)
    own = run(tmp_path, NORMAL.transpose(2, 0, 1)[None])
    separate(tmp_path, "values.bin")

    agreement.check(catalogue.find(str(tmp_path)), own, scene(), tmp_path)


@pytest.mark.parametrize("location", ["../outside.bin", "/etc/passwd", "missing.bin", "..\\x"])
def test_values_elsewhere_are_not_read(tmp_path: Path, location: str) -> None:
    save(tmp_path)
    separate(tmp_path, "values.bin")
    file = onnx.load(tmp_path / "model.onnx", load_external_data=False)
    file.graph.initializer[0].external_data[0].value = location
    (tmp_path / "model.onnx").write_bytes(file.SerializeToString())

    with pytest.raises(ModelError, match=r"keeps its values in .*; expected that file in the same"):
        catalogue.find(str(tmp_path))


def separate(folder: Path, name: str) -> None:
    """Moves the values of a file into another one."""
    onnx.save(
        onnx.load(folder / "model.onnx"),
        folder / "model.onnx",
        save_as_external_data=True,
        location=name,
        size_threshold=0,
    )


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({"outputs": 4}, "model.onnx has the outputs probabilities (any, 4); expected one with 3"),
        ({"end": "Sigmoid"}, "model.onnx does not say whether probabilities, which Sigmoid comp"),
        (
            {"end": "Sigmoid", "output": "probabilities"},
            "model.onnx returns numbers with the sum ",
        ),
        (
            {"shape": (1, 4, SIDE, SIDE)},
            "model.onnx takes an input of the shape (1, 4, 8, 8), with",
        ),
        ({"shape": (2, 3, SIDE, SIDE)}, "model.onnx takes an input of the shape (2, 3, 8, 8); exp"),
        ({"shape": (1, 3, SIDE)}, "model.onnx takes an input of the shape (1, 3, 8); expected (1"),
        ({"shape": ("N", 192)}, "model.onnx takes a row of 192 numbers; expected preprocessing.js"),
        ({"shape": ("N", 192), "size": 9}, "model.onnx takes a row of 192 numbers; expected 243"),
        ({"type": TensorProto.INT64}, "model.onnx takes INT64; expected one of FLOAT"),
        ({"size": 16}, "preprocessing.json has size 16; expected [8, 8], the input of the net"),
        ({"channels": "L"}, "preprocessing.json has channels 'L'; expected RGB, BGR or L with 3 c"),
        ({"layout": "flat"}, "model.onnx takes an input of the shape (1, 3, 8, 8), which is not"),
        ({"output": "logits"}, "preprocessing.json has output 'logits'; expected scores or prob"),
    ],
)
def test_what_does_not_fit_is_explained(
    tmp_path: Path, saved: dict[str, Any], message: str
) -> None:
    save(tmp_path, **saved)

    with pytest.raises(ModelError) as caught:
        catalogue.find(str(tmp_path))

    assert str(caught.value).startswith(f"{tmp_path}/{message}")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x08\x09" * 50])
def test_a_damaged_file_is_explained(tmp_path: Path, content: bytes) -> None:
    save(tmp_path)
    (tmp_path / "model.onnx").write_bytes(content)

    with pytest.raises(ModelError) as caught:
        catalogue.find(str(tmp_path))

    assert str(caught.value).startswith(f"{tmp_path}/model.onnx ")
    assert len(str(caught.value).splitlines()) == 1
