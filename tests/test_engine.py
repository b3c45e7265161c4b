import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest
import torch
from torch import Tensor, nn

from classifier.catalog import Model
from classifier.engine import Engine
from classifier.errors import SettingError, WeightsError
from classifier.weights import Store
from tests.models import PIXELS, MeanColour, small
from tests.weight_server import CONTENT, WeightServer

without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")


PICTURE = torch.rand(3, PIXELS, PIXELS)


def make(folder: Path, device: str = "cpu", memory_mb: float = 1000) -> Engine:
    store = Store(folder / "weights", stall_seconds=1)
    return Engine(device, store, folder / "onnx", threads=1, memory_mb=memory_mb)


def run(engine: Engine, model: Model) -> Tensor:
    with engine.using(model) as network:
        return network(PICTURE)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return make(tmp_path)


@without_cuda
def test_cuda_without_a_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as caught:
        make(tmp_path, "cuda")

    assert str(caught.value) == (
        "CLASSIFIER_DEVICE is 'cuda'; expected cpu or auto: no CUDA device is here."
    )


@without_cuda
@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_without_cuda_the_processor_is_used(tmp_path: Path, device: str) -> None:
    assert make(tmp_path, device).device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")
@pytest.mark.parametrize(("device", "used"), [("cpu", "cpu"), ("auto", "cuda"), ("cuda", "cuda")])
def test_with_cuda_the_setting_decides(tmp_path: Path, device: str, used: str) -> None:
    assert make(tmp_path, device).device.type == used


def test_probabilities_are_those_of_the_network(engine: Engine, tmp_path: Path) -> None:
    model = small(tmp_path)
    network = MeanColour()
    network.load_state_dict(model.read(tmp_path / "small.pth"))

    probabilities = run(engine, model)

    expected = network(PICTURE.unsqueeze(0))[0].softmax(dim=0)
    assert probabilities.shape == (10,)
    assert probabilities.device.type == "cpu"
    assert not probabilities.requires_grad
    torch.testing.assert_close(probabilities, expected.detach(), rtol=0, atol=1e-6)


def test_model_is_built_once_for_eight_callers_at_once(engine: Engine, tmp_path: Path) -> None:
    built: list[str] = []
    barrier = threading.Barrier(8)

    def build() -> nn.Module:
        built.append(threading.current_thread().name)
        sleep(0.2)
        return MeanColour()

    model = small(tmp_path, build=build)

    def ask(number: int) -> Tensor:
        barrier.wait()
        return run(engine, model)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))

    assert len(built) == 1
    assert all(torch.equal(answer, answers[0]) for answer in answers)


def test_slow_model_does_not_hold_up_another(engine: Engine, tmp_path: Path) -> None:
    begun, end = threading.Event(), threading.Event()

    def build() -> nn.Module:
        begun.set()
        assert end.wait(20)
        return MeanColour()

    slow, quick = small(tmp_path, "slow", build), small(tmp_path, "quick")
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(run, engine, slow)
        assert begun.wait(20)
        try:
            threads.submit(run, engine, quick).result(timeout=20)
            assert not waiting.done()
        finally:
            end.set()


def test_models_layers_are_in_evaluation_mode(engine: Engine, tmp_path: Path) -> None:
    modes: list[bool] = []

    class Observed(MeanColour):
        def forward(self, pictures: Tensor) -> Tensor:
            if torch.onnx.is_in_onnx_export():
                raise RuntimeError("not for export: it is what runs that is observed")
            modes.append(self.training)
            return super().forward(pictures)

    run(engine, small(tmp_path, build=Observed))

    assert modes
    assert not any(modes)


def write_other(file: Path) -> None:
    torch.save(nn.Linear(4, 4).state_dict(), file)


def write_half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"garbage" * 1000),
        lambda file: torch.save([1, 2, 3], file),
        write_half,
        write_other,
        Path.unlink,
    ],
    ids=["empty", "garbage", "no dictionary", "half", "another model's", "missing"],
)
def test_damaged_weights_are_explained_and_harm_no_other_model(
    engine: Engine, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    model, other = small(tmp_path, "damaged"), small(tmp_path, "other")
    damage(tmp_path / "damaged.pth")

    for _ in range(2):
        with pytest.raises(WeightsError) as caught:
            run(engine, model)
        assert str(caught.value) == (
            f"The weights of damaged in {tmp_path / 'damaged.pth'} do not fit it: "
            "the file is damaged, or another model's."
        )
        assert caught.value.__cause__ is not None

    assert run(engine, other).sum() == pytest.approx(1)


def test_repaired_weights_are_loaded_without_a_restart(engine: Engine, tmp_path: Path) -> None:
    model = small(tmp_path)
    write_half(tmp_path / "small.pth")
    with pytest.raises(WeightsError):
        run(engine, model)

    assert run(engine, small(tmp_path)).sum() == pytest.approx(1)


def test_model_with_a_file_is_always_ready(engine: Engine, tmp_path: Path) -> None:
    model = small(tmp_path)

    assert engine.is_ready(model)
    assert engine.fetch(model) == tmp_path / "small.pth"


def test_model_with_a_source_is_ready_once_fetched(
    engine: Engine, tmp_path: Path, weight_server: WeightServer
) -> None:
    model = replace(small(tmp_path), weights=weight_server.source("whole"))
    parts: list[float] = []
    assert not engine.is_ready(model)

    path = engine.fetch(model, parts.append)

    assert path.read_bytes() == CONTENT
    assert parts[-1] == 1.0
    assert engine.is_ready(model)


def test_weights_that_cannot_be_fetched_are_explained_and_harm_no_other_model(
    engine: Engine, tmp_path: Path, weight_server: WeightServer
) -> None:
    source = weight_server.source("404")
    model, other = replace(small(tmp_path, "far"), weights=source), small(tmp_path, "near")

    with pytest.raises(WeightsError, match=f"^Could not fetch {source.file} from {source.url}: "):
        run(engine, model)

    assert run(engine, other).sum() == pytest.approx(1)


def test_what_was_unused_for_longest_is_dropped_when_memory_is_short(tmp_path: Path) -> None:
    built: list[str] = []

    def model(name: str) -> Model:
        def build() -> nn.Module:
            built.append(name)
            return torch.nn.Sequential(MeanColour(), nn.Identity())

        # So large that only two fit; kept apart from exports, which need no building.
        return replace(small(tmp_path, name, build), parameters=100 << 20, read=prefixed)

    def prefixed(file: Path) -> dict[str, Tensor]:
        return {f"0.{name}": value for name, value in torch.load(file).items()}

    engine = make(tmp_path, memory_mb=800)
    a, b, c = model("a"), model("b"), model("c")
    for asked in (a, b, a, c, a, b):
        run(engine, asked)
        for file in (tmp_path / "onnx").glob("*.onnx"):
            file.unlink()

    assert built == ["a", "b", "c", "b"]


def test_what_is_in_use_is_never_dropped(tmp_path: Path) -> None:
    engine = make(tmp_path, memory_mb=1)
    large = [replace(small(tmp_path, name), parameters=1 << 20) for name in "abc"]
    running, end = threading.Barrier(4), threading.Event()

    def use(model: Model) -> None:
        with engine.using(model):
            running.wait(20)
            assert end.wait(20)

    with ThreadPoolExecutor(3) as threads:
        uses = [threads.submit(use, model) for model in large]
        running.wait(20)
        assert set(engine._loaded) == {"a", "b", "c"}
        end.set()
        for used in uses:
            used.result(timeout=20)

    assert len(engine._loaded) == 1


def test_there_is_room_for_what_is_loaded_or_fits(tmp_path: Path) -> None:
    engine = make(tmp_path, memory_mb=10)
    loaded, fits, large = (
        replace(small(tmp_path, name), parameters=megabytes << 18)
        for name, megabytes in (("loaded", 6), ("fits", 4), ("large", 5))
    )
    assert engine.has_room(loaded)
    run(engine, loaded)

    assert engine.has_room(loaded)
    assert engine.has_room(fits)
    assert not engine.has_room(large)
