import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import sleep

import pytest
import torch
from torch import Tensor, nn

from classifier.errors import SettingError, WeightsError
from classifier.inference.engine import Engine
from classifier.models.model import Model, StateDict
from classifier.models.weights import WeightsCache
from tests.support.small_models import PIXELS, MeanColour, small, state_dict
from tests.support.weight_server import CONTENT, WeightServer

without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
PICTURE = torch.rand(3, PIXELS, PIXELS)


def create(folder: Path, device: str = "cpu", memory_mb: float = 1000) -> Engine:
    weights = WeightsCache(folder / "weights")
    return Engine(device, weights, folder / "onnx", threads=1, memory_mb=memory_mb)


def run(engine: Engine, model: Model) -> Tensor:
    """Returns the probabilities of the model for PICTURE."""
    with engine.loaded(model) as network:
        return network(PICTURE)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return create(tmp_path)


@without_cuda
def test_cuda_without_a_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as caught:
        create(tmp_path, "cuda")

    assert str(caught.value) == (
        "CLASSIFIER_DEVICE is 'cuda'; expected cpu or auto, because there is no CUDA device."
    )


@without_cuda
@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_without_cuda_models_run_on_the_cpu(tmp_path: Path, device: str) -> None:
    assert create(tmp_path, device).device.type == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize(("device", "used"), [("cpu", "cpu"), ("auto", "cuda"), ("cuda", "cuda")])
def test_with_cuda_the_setting_selects_the_device(tmp_path: Path, device: str, used: str) -> None:
    assert create(tmp_path, device).device.type == used


def test_probabilities_are_those_of_the_network(engine: Engine, tmp_path: Path) -> None:
    model = small(tmp_path)
    network = MeanColour()
    network.load_state_dict(state_dict(model).read(tmp_path / "small.pth"))

    probabilities = run(engine, model)

    expected = network(PICTURE.unsqueeze(0))[0].softmax(dim=0)
    assert probabilities.shape == (10,)
    assert probabilities.device.type == "cpu"
    assert not probabilities.requires_grad
    torch.testing.assert_close(probabilities, expected.detach(), rtol=0, atol=1e-6)


def test_a_model_is_built_once_for_eight_simultaneous_callers(
    engine: Engine, tmp_path: Path
) -> None:
    built: list[str] = []
    barrier = threading.Barrier(8)

    def build() -> nn.Module:
        built.append(threading.current_thread().name)
        sleep(0.2)
        return MeanColour()

    model = small(tmp_path, build=build)

    def call(number: int) -> Tensor:
        barrier.wait()
        return run(engine, model)

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(call, range(8)))

    assert len(built) == 1
    assert all(torch.equal(result, results[0]) for result in results)


def test_a_slow_model_does_not_delay_another(engine: Engine, tmp_path: Path) -> None:
    started, end = threading.Event(), threading.Event()

    def build() -> nn.Module:
        started.set()
        assert end.wait(20)
        return MeanColour()

    slow, quick = small(tmp_path, "slow", build), small(tmp_path, "quick")
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(run, engine, slow)
        assert started.wait(20)
        try:
            threads.submit(run, engine, quick).result(timeout=20)
            assert not waiting.done()
        finally:
            end.set()


def test_the_layers_of_a_model_are_in_evaluation_mode(engine: Engine, tmp_path: Path) -> None:
    modes: list[bool] = []

    class Observed(MeanColour):
        def forward(self, pictures: Tensor) -> Tensor:
            if torch.onnx.is_in_onnx_export():
                raise RuntimeError("not for export, so that the network itself runs")
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
    ids=["empty", "garbage", "not a dictionary", "half", "another model", "missing"],
)
def test_damaged_weights_are_explained_and_do_not_affect_other_models(
    engine: Engine, tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    model, other = small(tmp_path, "damaged"), small(tmp_path, "other")
    damage(tmp_path / "damaged.pth")

    for _ in range(2):
        with pytest.raises(WeightsError) as caught:
            run(engine, model)
        file = tmp_path / "damaged.pth"
        assert str(caught.value) == (
            f"The weights of damaged in {file} do not fit it: "
            "the file is damaged or belongs to another model."
            if file.exists()
            else f"{file} cannot be read: No such file or directory."
        )
        assert caught.value.__cause__ is not None

    assert run(engine, other).sum() == pytest.approx(1)


def test_repaired_weights_are_loaded_without_a_restart(engine: Engine, tmp_path: Path) -> None:
    model = small(tmp_path)
    write_half(tmp_path / "small.pth")
    with pytest.raises(WeightsError):
        run(engine, model)

    assert run(engine, small(tmp_path)).sum() == pytest.approx(1)


def test_a_model_with_a_file_counts_as_downloaded(engine: Engine, tmp_path: Path) -> None:
    model = small(tmp_path)

    assert engine.is_downloaded(model)
    assert engine.download(model) == tmp_path / "small.pth"


def test_a_model_to_download_is_downloaded_once_it_is_in_the_cache(
    engine: Engine, tmp_path: Path, weight_server: WeightServer
) -> None:
    model = replace(small(tmp_path), weights=weight_server.weights("whole"))
    fractions: list[float] = []
    assert not engine.is_downloaded(model)

    path = engine.download(model, fractions.append)

    assert path.read_bytes() == CONTENT
    assert fractions[-1] == 1.0
    assert engine.is_downloaded(model)


def test_a_failed_download_is_explained_and_does_not_affect_other_models(
    engine: Engine, tmp_path: Path, weight_server: WeightServer
) -> None:
    weights = weight_server.weights("404")
    model, other = replace(small(tmp_path, "far"), weights=weights), small(tmp_path, "near")

    with pytest.raises(
        WeightsError, match=f"^Could not download {weights.file_name} from {weights.url}: "
    ):
        run(engine, model)

    assert run(engine, other).sum() == pytest.approx(1)


def test_the_least_recently_used_model_is_evicted_if_memory_is_short(tmp_path: Path) -> None:
    built: list[str] = []

    def model(name: str) -> Model:
        def build() -> nn.Module:
            built.append(name)
            return torch.nn.Sequential(MeanColour(), nn.Identity())

        # Only two models of this size fit into memory.
        network = StateDict(build, prefixed)
        return replace(small(tmp_path, name), parameters=100 << 20, network=network)

    def prefixed(file: Path) -> dict[str, Tensor]:
        return {f"0.{name}": value for name, value in torch.load(file).items()}

    engine = create(tmp_path, memory_mb=800)
    a, b, c = model("a"), model("b"), model("c")
    for used in (a, b, a, c, a, b):
        run(engine, used)
        # Without an export, loading a model means building it.
        for file in (tmp_path / "onnx").glob("*.onnx"):
            file.unlink()

    assert built == ["a", "b", "c", "b"]


def test_a_model_in_use_is_never_evicted(tmp_path: Path) -> None:
    engine = create(tmp_path, memory_mb=1)
    large = [replace(small(tmp_path, name), parameters=1 << 20) for name in "abc"]
    running, end = threading.Barrier(4), threading.Event()

    def use(model: Model) -> None:
        with engine.loaded(model):
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


def test_a_model_fits_if_it_is_loaded_or_memory_is_left(tmp_path: Path) -> None:
    engine = create(tmp_path, memory_mb=10)
    loaded, fits, large = (
        replace(small(tmp_path, name), parameters=megabytes << 18)
        for name, megabytes in (("loaded", 6), ("fits", 4), ("large", 5))
    )
    assert engine.fits_in_memory(loaded)
    run(engine, loaded)

    assert engine.fits_in_memory(loaded)
    assert engine.fits_in_memory(fits)
    assert not engine.fits_in_memory(large)
