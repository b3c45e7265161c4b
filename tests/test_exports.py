import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from classifier import exports
from classifier.catalog import Model
from classifier.engine import Engine
from classifier.exports import ExportError, Exports
from classifier.weights import Source, Store
from tests.models import PIXELS, MeanColour, small
from tests.serving import PROJECT

PICTURE = torch.rand(3, PIXELS, PIXELS)


@pytest.fixture
def exported(tmp_path: Path) -> Exports:
    return Exports(tmp_path / "onnx", threads=1)


class Building:
    """Builds a model's network, and counts how often."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.times = 0

    def __call__(self) -> nn.Module:
        self.times += 1
        network = self.model.build()
        assert isinstance(self.model.weights, Path)
        network.load_state_dict(self.model.read(self.model.weights))
        return network.eval()


def answer(exported: Exports, build: Building) -> Tensor:
    assert isinstance(build.model.weights, Path)
    return exports.run(exported.session(build.model, build.model.weights, build), PICTURE)


def expected(build: Building) -> Tensor:
    scores: Tensor = build()(PICTURE.unsqueeze(0))
    return torch.softmax(scores[0].detach(), dim=0)


def test_a_network_is_exported_once(exported: Exports, tmp_path: Path) -> None:
    build = Building(small(tmp_path))
    for again in (exported, exported, Exports(exported.folder, threads=2)):
        torch.testing.assert_close(answer(again, build), expected(build), rtol=0, atol=1e-6)

    assert build.times == 1 + 3  # and once for each comparison
    assert sorted(file.suffix for file in exported.folder.iterdir()) == [".lock", ".onnx"]


def shrink(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-40])


@pytest.mark.parametrize(
    "damage",
    [shrink, lambda file: file.write_bytes(b""), lambda file: file.write_bytes(b"no network")],
    ids=["half", "empty", "garbage"],
)
def test_a_damaged_export_is_made_anew(
    exported: Exports,
    tmp_path: Path,
    damage: Callable[[Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    build = Building(small(tmp_path))
    answer(exported, build)
    (file,) = exported.folder.glob("*.onnx")
    whole = file.read_bytes()
    damage(file)

    torch.testing.assert_close(answer(exported, build), expected(build), rtol=0, atol=1e-6)

    assert file.read_bytes() == whole
    assert f"{file} cannot be used and is exported anew" in caplog.text


def test_other_weights_are_another_file(exported: Exports, tmp_path: Path) -> None:
    model = small(tmp_path)
    build = Building(model)
    first = answer(exported, build)
    network = MeanColour()
    nn.init.ones_(network.classifier.weight)
    assert isinstance(model.weights, Path)
    torch.save(network.state_dict(), model.weights)

    second = answer(exported, build)

    assert not torch.allclose(first, second)
    torch.testing.assert_close(second, expected(build), rtol=0, atol=1e-6)
    assert len(list(exported.folder.glob("*.onnx"))) == 2


@pytest.mark.parametrize("module", ["torch", "torchvision", "onnx", "onnxruntime"])
def test_another_version_is_another_file(
    exported: Exports, tmp_path: Path, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small(tmp_path)
    assert isinstance(model.weights, Path)
    before = exported.path(model, model.weights)
    monkeypatch.setattr(f"classifier.exports.{module}.__version__", "0.0")

    assert exported.path(model, model.weights) != before
    assert exported.path(model, model.weights).name.startswith("small-")


def test_other_code_is_another_file(
    exported: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small(tmp_path)
    assert isinstance(model.weights, Path)
    before = exported.path(model, model.weights)
    monkeypatch.setattr("classifier.exports._code", lambda: ["edited"])

    assert exported.path(model, model.weights) != before


def test_a_folder_that_may_not_be_entered_costs_nothing_but_time(
    exported: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(file: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(Path, "is_file", forbidden)
    build = Building(small(tmp_path))

    torch.testing.assert_close(answer(exported, build), expected(build), rtol=0, atol=1e-6)


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    build = Building(small(tmp_path))

    result = answer(Exports(tmp_path / "file" / "onnx", threads=1), build)

    torch.testing.assert_close(result, expected(build), rtol=0, atol=1e-6)
    assert "could not be kept" in caplog.text


def test_a_full_disk_leaves_nothing_half_written(
    exported: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_some(file: Path, content: bytes) -> int:
        with file.open("wb") as opened:
            opened.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_some)
    build = Building(small(tmp_path))
    answer(exported, build)

    assert [file.suffix for file in exported.folder.iterdir()] == [".lock"]


class Unknown(MeanColour):
    """Has an operation that ONNX has not."""

    def forward(self, pictures: Tensor) -> Tensor:
        size: Tensor = torch.linalg.svdvals(pictures[0, 0]).sum()
        return super().forward(pictures) + size


class Fickle(MeanColour):
    """Changes with each call, which an export cannot know."""

    calls = 0

    def forward(self, pictures: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(pictures) * self.calls


@pytest.mark.parametrize("network", [Unknown, Fickle])
def test_what_cannot_be_exported_rightly_is_refused(
    exported: Exports, tmp_path: Path, network: type[nn.Module]
) -> None:
    with pytest.raises(ExportError):
        answer(exported, Building(small(tmp_path, build=network)))

    assert not exported.folder.exists()


def test_the_engine_runs_in_torch_what_cannot_be_exported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = small(tmp_path, build=Unknown)
    engine = Engine("cpu", Store(tmp_path), tmp_path / "onnx", threads=1, memory_mb=1000)
    with engine.using(model) as run:
        probabilities = run(PICTURE)

    torch.testing.assert_close(probabilities, expected(Building(model)), rtol=0, atol=1e-6)
    assert "small runs in torch, for it cannot be exported" in caplog.text


def test_a_model_from_a_source_is_known_by_its_digest(exported: Exports, tmp_path: Path) -> None:
    model = small(tmp_path)
    sources = [Source("https://example.org/a.pth", digest, 1.0) for digest in ("aa", "bb")]
    paths = {exported.path(replace(model, weights=source), tmp_path) for source in sources}

    assert len(paths) == 2


def test_the_runtime_keeps_and_reports_nothing_of_its_use(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name[:4] != "ORT_"}
    subprocess.run(
        [sys.executable, "-c", "import classifier.exports"],
        cwd=PROJECT,
        env=environment | {"HOME": str(tmp_path)},
        check=True,
        timeout=100,
    )

    assert not list(tmp_path.rglob("*onnxruntime*"))
