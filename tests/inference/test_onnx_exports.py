import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from classifier.inference import onnx_exports
from classifier.inference.engine import Engine
from classifier.inference.onnx_exports import ExportError, OnnxExports
from classifier.models.model import Model
from classifier.models.weights import LocalWeights, RemoteWeights, WeightsCache
from tests.support.server import PROJECT
from tests.support.small_models import PIXELS, MeanColour, small, trained

PICTURE = torch.rand(3, PIXELS, PIXELS)

# Imports the module with the real runtime, but without other packages, which take seconds.
IMPORT = """
import sys, types
package = sys.modules["classifier"] = types.ModuleType("classifier")
package.__path__ = ["classifier"]
import classifier.models.onnx_runtime
"""


@pytest.fixture
def exports(tmp_path: Path) -> OnnxExports:
    return OnnxExports(tmp_path / "onnx", threads=1)


class CountedBuild:
    """Builds the network of a model with its weights, and counts how often."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.count = 0

    def __call__(self) -> nn.Module:
        self.count += 1
        return trained(self.model)


def probabilities(exports: OnnxExports, build: CountedBuild) -> Tensor:
    """Returns the output of the export for PICTURE."""
    assert isinstance(build.model.weights, LocalWeights)
    return onnx_exports.run(exports.session(build.model, build.model.weights.path, build), PICTURE)


def expected(build: CountedBuild) -> Tensor:
    """Returns the output of the network itself for PICTURE."""
    scores: Tensor = build()(PICTURE.unsqueeze(0))
    return torch.softmax(scores[0].detach(), dim=0)


def test_a_network_is_exported_only_once(exports: OnnxExports, tmp_path: Path) -> None:
    build = CountedBuild(small(tmp_path))
    for again in (exports, exports, OnnxExports(exports.folder, threads=2)):
        torch.testing.assert_close(probabilities(again, build), expected(build), rtol=0, atol=1e-6)

    assert build.count == 1 + 3  # `expected` also builds the network, three times
    assert sorted(file.suffix for file in exports.folder.iterdir()) == [".lock", ".onnx"]


def shrink(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


@pytest.mark.parametrize(
    "damage",
    [shrink, lambda file: file.write_bytes(b""), lambda file: file.write_bytes(b"not a network")],
    ids=["half", "empty", "garbage"],
)
def test_a_damaged_export_is_replaced(
    exports: OnnxExports,
    tmp_path: Path,
    damage: Callable[[Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    build = CountedBuild(small(tmp_path))
    probabilities(exports, build)
    (file,) = exports.folder.glob("*.onnx")
    whole = file.read_bytes()
    damage(file)

    torch.testing.assert_close(probabilities(exports, build), expected(build), rtol=0, atol=1e-6)

    assert file.read_bytes() == whole
    assert f"{file} cannot be used and will be exported again" in caplog.text


def test_other_weights_have_another_file(exports: OnnxExports, tmp_path: Path) -> None:
    model = small(tmp_path)
    build = CountedBuild(model)
    first = probabilities(exports, build)
    network = MeanColour()
    nn.init.ones_(network.classifier.weight)
    assert isinstance(model.weights, LocalWeights)
    torch.save(network.state_dict(), model.weights.path)

    second = probabilities(exports, build)

    assert not torch.allclose(first, second)
    torch.testing.assert_close(second, expected(build), rtol=0, atol=1e-6)
    assert len(list(exports.folder.glob("*.onnx"))) == 2


@pytest.mark.parametrize("package", onnx_exports.PACKAGES)
def test_another_version_of_a_library_has_another_file(
    exports: OnnxExports, tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small(tmp_path)
    assert isinstance(model.weights, LocalWeights)
    before = exports.path(model, model.weights.path)
    versions = dict(zip(onnx_exports.PACKAGES, onnx_exports._versions(), strict=True))
    changed = list((versions | {package: "0.0"}).values())
    monkeypatch.setattr("classifier.inference.onnx_exports._versions", lambda: changed)

    assert exports.path(model, model.weights.path) != before
    assert exports.path(model, model.weights.path).name.startswith("small-")


def test_other_code_has_another_file(
    exports: OnnxExports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small(tmp_path)
    assert isinstance(model.weights, LocalWeights)
    before = exports.path(model, model.weights.path)
    monkeypatch.setattr("classifier.inference.onnx_exports._code_digest", lambda: "edited")

    assert exports.path(model, model.weights.path) != before


def test_a_folder_without_read_permission_is_no_error(
    exports: OnnxExports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(file: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "is_file", forbidden)
    build = CountedBuild(small(tmp_path))

    torch.testing.assert_close(probabilities(exports, build), expected(build), rtol=0, atol=1e-6)


def test_a_folder_that_cannot_be_written_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    build = CountedBuild(small(tmp_path))

    result = probabilities(OnnxExports(tmp_path / "file" / "onnx", threads=1), build)

    torch.testing.assert_close(result, expected(build), rtol=0, atol=1e-6)
    assert "could not be saved" in caplog.text


def test_a_full_disk_leaves_no_partial_file(
    exports: OnnxExports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_some(file: Path, content: bytes) -> int:
        with file.open("wb") as opened:
            opened.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_some)
    build = CountedBuild(small(tmp_path))
    probabilities(exports, build)

    assert [file.suffix for file in exports.folder.iterdir()] == [".lock"]


class Unsupported(MeanColour):
    """Has an operation that ONNX does not support."""

    def forward(self, pictures: Tensor) -> Tensor:
        size: Tensor = torch.linalg.svdvals(pictures[0, 0]).sum()
        return super().forward(pictures) + size


class Changing(MeanColour):
    """Changes with each call, which an export cannot do."""

    calls = 0

    def forward(self, pictures: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(pictures) * self.calls


@pytest.mark.parametrize("network", [Unsupported, Changing])
def test_a_network_that_cannot_be_exported_correctly_is_refused(
    exports: OnnxExports, tmp_path: Path, network: type[nn.Module]
) -> None:
    with pytest.raises(ExportError):
        probabilities(exports, CountedBuild(small(tmp_path, build=network)))

    assert not exports.folder.exists()


def test_the_engine_runs_a_network_in_torch_if_it_cannot_be_exported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = small(tmp_path, build=Unsupported)
    engine = Engine("cpu", WeightsCache(tmp_path), tmp_path / "onnx", threads=1, memory_mb=1000)
    with engine.loaded(model) as run:
        probabilities = run(PICTURE)

    torch.testing.assert_close(probabilities, expected(CountedBuild(model)), rtol=0, atol=1e-6)
    assert "small cannot be exported and runs in torch" in caplog.text


def test_the_file_of_a_model_to_download_depends_on_its_digest(
    exports: OnnxExports, tmp_path: Path
) -> None:
    model = small(tmp_path)
    remote = [RemoteWeights("https://example.org/a.pth", digest, 1.0) for digest in ("aa", "bb")]
    paths = {exports.path(replace(model, weights=weights), tmp_path) for weights in remote}

    assert len(paths) == 2


def test_the_runtime_neither_stores_nor_reports_its_usage(tmp_path: Path) -> None:
    """Without the setting in onnx_exports, the runtime creates a folder for its reports."""
    environment = {name: value for name, value in os.environ.items() if name[:4] != "ORT_"}
    subprocess.run(
        [sys.executable, "-c", IMPORT],
        cwd=PROJECT,
        env=environment | {"HOME": str(tmp_path)},
        check=True,
        timeout=100,
    )

    assert not list(tmp_path.rglob("*onnxruntime*"))
