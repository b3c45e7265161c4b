import json
import threading
from collections.abc import Iterator
from concurrent.futures import wait
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from time import sleep
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models._api import WeightsEnum

from classifier import Classifier, Settings
from classifier.errors import PictureError, SettingError, UnknownNameError, WeightsError
from classifier.inference.engine import Engine
from classifier.models import bundled_model, catalogue, torchvision_models
from classifier.models.model import Model
from classifier.models.weights import LocalWeights, WeightsCache
from classifier.pictures.gallery import Gallery
from tests.support.picture_files import encode, save, scene
from tests.support.server import PROJECT
from tests.support.small_models import (
    MeanColour,
    probabilities,
    reference,
    small,
    state_dict,
    trained,
    without_random_weights,
)

PHOTOS = PROJECT.parent / "shared" / "data" / "photos"
# One network of each kind, with torchvision's arguments for its weights; a test below checks those
# of inception_v3. The engine itself compares every export with its network.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "resnet18": {},
    "alexnet": {},
    "inception_v3": {"transform_input": True, "init_weights": False},
    "mobilenet_v3_large": {},
    "convnext_tiny": {},
    "googlenet": {"transform_input": True, "init_weights": False},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one picture."""
    folder = tmp_path / "images"
    folder.mkdir()
    save(scene(), folder / "scene.png")
    return folder


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for exports of the bundled model: one export is enough for all tests."""
    return tmp_path_factory.mktemp("onnx")


def classifier_of(folder: Path, concurrency: int = 1, *, exports: Path | None = None) -> Classifier:
    """Returns a classifier with the bundled model, for the pictures of a folder."""
    weights = WeightsCache(folder / "weights")
    engine = Engine("cpu", weights, exports or folder / "onnx", threads=1, memory_mb=1000)
    return Classifier(catalogue.load(["tiny"]), engine, Gallery(folder), concurrency, threads=1)


@pytest.fixture
def classifier(folder: Path, exports: Path) -> Classifier:
    """A classifier with the bundled model."""
    return classifier_of(folder, exports=exports)


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[Path]:
    """A file for weights. It can have hundreds of megabytes, so it is deleted after the test."""
    file = tmp_path / "net.pth"
    yield file
    file.unlink(missing_ok=True)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_prediction_agrees_with_torchvision(name: str, folder: Path, saved: Path) -> None:
    picture = scene()
    network = reference(name, picture, **ARGUMENTS[name])
    torch.save(network.state_dict(), saved)
    model = replace(torchvision_models.load(name), weights=LocalWeights(saved))

    with without_random_weights():
        prediction = classifier_of(folder).classify(folder / "scene.png", "scene.png", model)

    expected = probabilities(network, name, picture)
    values, indices = expected.topk(6)
    # The probabilities are far apart and depend on the picture. Otherwise the test proves little.
    assert 0.01 < values[0] < 0.95
    assert all(higher - lower > 2e-4 for higher, lower in pairwise(values.tolist()))
    rotated = probabilities(network, name, picture.rotate(180))
    assert (rotated - expected).abs().max() > 0.01
    assert [top.label for top in prediction.predictions] == [
        model.labels[index] for index in indices[:5].tolist()
    ]
    assert [top.probability for top in prediction.predictions] == pytest.approx(
        values[:5].tolist(), abs=1e-4
    )


@pytest.mark.timeout(60)
def test_inception_transforms_its_input_as_in_torchvision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = scene()
    state = reference("inception_v3", picture, **ARGUMENTS["inception_v3"]).state_dict()
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda self, **options: state)

    with without_random_weights():
        theirs = get_model("inception_v3", weights="DEFAULT").eval()
        ours = state_dict(torchvision_models.load("inception_v3")).build().eval()
        plain = get_model("inception_v3", weights=None, init_weights=False).eval()
    for network in (ours, plain):
        network.load_state_dict(state)

    expected = probabilities(theirs, "inception_v3", picture)
    torch.testing.assert_close(
        probabilities(ours, "inception_v3", picture), expected, rtol=0, atol=1e-6
    )
    # Without the transformation, the prediction is different.
    assert (probabilities(plain, "inception_v3", picture) - expected).abs().max() > 0.01


def test_the_bundled_model_returns_five_labels_the_likeliest_first(
    folder: Path, classifier: Classifier
) -> None:
    prediction = classifier.classify(folder / "scene.png", "scene.png", classifier.model("tiny"))

    assert (prediction.model, prediction.image, prediction.device) == ("tiny", "scene.png", "cpu")
    assert len({top.label for top in prediction.predictions}) == 5
    assert {top.label for top in prediction.predictions} <= set(bundled_model.load().labels)
    values = [top.probability for top in prediction.predictions]
    assert values == sorted(values, reverse=True)
    assert 0 < sum(values) <= 1 + 1e-6
    assert values[0] >= 1 / 200
    assert 0 < prediction.seconds < 30


def test_the_same_picture_always_has_the_same_prediction(folder: Path, exports: Path) -> None:
    classifier = classifier_of(folder, concurrency=2, exports=exports)
    model = classifier.model("tiny")
    content = (folder / "scene.png").read_bytes()

    sources: list[Path | bytes] = [folder / "scene.png", content] * 3
    futures = [classifier.submit(source, "scene.png", model) for source in sources]

    first, *others = [future.result(timeout=60).predictions for future in futures]
    assert all(other == first for other in others)


def test_the_record_has_the_format_that_clients_rely_on(
    folder: Path, classifier: Classifier
) -> None:
    prediction = classifier.classify(folder / "scene.png", "scène.png", classifier.model("tiny"))
    record = json.loads(json.dumps(prediction.record()))

    assert list(record) == ["model", "image", "predictions", "seconds"]
    assert (record["model"], record["image"]) == ("tiny", "scène.png")
    assert isinstance(record["seconds"], float)
    assert record["seconds"] == pytest.approx(prediction.seconds, abs=1e-4)
    assert record["predictions"] == [
        {"label": top.label, "probability": pytest.approx(top.probability, abs=1e-6)}
        for top in prediction.predictions
    ]
    assert len(record["predictions"]) == 5


@pytest.mark.parametrize(
    "name", ["Tiny", "resnet18", "", " tiny", None, [], ["tiny"], {"tiny": 1}, 3, b"tiny"]
)
def test_an_unknown_model_is_refused(classifier: Classifier, name: object) -> None:
    with pytest.raises(UnknownNameError) as caught:
        classifier.model(name)

    assert str(caught.value) == f"No model is called {name!r}; valid: tiny."


def test_a_classifier_is_created_from_settings(folder: Path, tmp_path: Path) -> None:
    settings = Settings(
        images=folder, models=("resnet18", "tiny"), device="cpu", cache=tmp_path / "cache"
    )

    classifier = Classifier.from_settings(settings)

    assert list(classifier.catalogue) == ["resnet18", "tiny"]
    assert classifier.gallery.names() == ["scene.png"]
    assert not classifier.engine.is_downloaded(classifier.model("resnet18"))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"models": ("resnet19",)}, "CLASSIFIER_MODELS is 'resnet19'; expected .*resnet18"),
        pytest.param(
            {"device": "cuda"},
            "CLASSIFIER_DEVICE is 'cuda'; expected cpu or auto",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device"),
        ),
    ],
)
def test_settings_that_cannot_be_used_are_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingError, match=text):
        Classifier.from_settings(replace(Settings(models=("tiny",)), **change))


def test_a_failing_job_does_not_affect_others(
    folder: Path, tmp_path: Path, classifier: Classifier
) -> None:
    tiny, damaged = classifier.model("tiny"), small(tmp_path, "damaged")
    (tmp_path / "damaged.pth").write_bytes(b"garbage")

    no_picture = classifier.submit(b"text", "text.png", tiny)
    no_weights = classifier.submit(folder / "scene.png", "scene.png", damaged)
    good = classifier.submit(folder / "scene.png", "scene.png", tiny)

    assert len(good.result(timeout=60).predictions) == 5
    with pytest.raises(PictureError, match=r"^'text\.png' is not a picture that can be read"):
        no_picture.result()
    with pytest.raises(WeightsError, match=r"^The weights of damaged in .* do not fit it: "):
        no_weights.result()


class Watch:
    """Counts how many networks run, in total and at the same time.

    Each run takes `seconds`, or waits for the event `go` if `seconds` is 0.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.lock = threading.Lock()
        self.seconds = seconds
        self.runs = self.running = self.most = 0
        self.started, self.go = threading.Event(), threading.Event()
        self.threads: list[int] = []

    def model(self, folder: Path) -> Model:
        return small(folder, "slow", lambda: _Watched(self))


class _Watched(MeanColour):
    """Runs in torch, because an export would not contain the code of the watch."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self.watch = watch

    def forward(self, pictures: Tensor) -> Tensor:
        if torch.onnx.is_in_onnx_export():
            raise RuntimeError("not for export")
        watch = self.watch
        with watch.lock:
            watch.runs += 1
            watch.running += 1
            watch.most = max(watch.most, watch.running)
            watch.threads.append(torch.get_num_threads())
        watch.started.set()
        sleep(watch.seconds)
        assert watch.seconds or watch.go.wait(20)
        with watch.lock:
            watch.running -= 1
        return super().forward(pictures)


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_concurrency_is_limited_even_if_half_of_the_jobs_are_cancelled(
    folder: Path, tmp_path: Path, concurrency: int
) -> None:
    watch = Watch(seconds=0.03)
    model = watch.model(tmp_path)
    classifier = classifier_of(folder, concurrency)
    content = encode(scene(16, 16), "PNG")

    futures = [classifier.submit(content, f"{number}.png", model) for number in range(20)]
    cancelled = {future for future in futures[1::2] if future.cancel()}
    wait(futures, timeout=30)

    assert len(cancelled) >= 10 - concurrency
    assert all(future.done() for future in futures)
    assert watch.runs == 20 - len(cancelled)
    assert watch.most == concurrency
    assert all(future.cancelled() == (future in cancelled) for future in futures)
    finished = [future for future in futures if future not in cancelled]
    assert all(len(future.result().predictions) == 5 for future in finished)


def test_a_job_that_is_cancelled_early_never_runs(folder: Path, tmp_path: Path) -> None:
    watch = Watch()
    model = watch.model(tmp_path)
    classifier = classifier_of(folder)
    content = encode(scene(16, 16), "PNG")
    first = classifier.submit(content, "first.png", model)
    assert watch.started.wait(20)
    second = classifier.submit(content, "second.png", model)
    third = classifier.submit(content, "third.png", model)

    assert second.cancel()
    assert not first.cancel()
    watch.go.set()

    assert [future.result(20).image for future in (first, third)] == ["first.png", "third.png"]
    assert watch.runs == 2


@pytest.mark.parametrize(
    ("processors", "concurrency", "share"), [(4, 2, 2), (4, 1, 4), (1, 3, 1), (5, 3, 1)]
)
def test_concurrent_jobs_share_the_processors(
    folder: Path,
    tmp_path: Path,
    processors: int,
    concurrency: int,
    share: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("classifier.inference.classifier.processors", lambda: processors)
    watch = Watch(seconds=0.01)
    model = watch.model(tmp_path)
    classifier = Classifier.from_settings(
        Settings(folder, ("tiny",), "cpu", concurrency, cache=tmp_path / "cache")
    )
    content = encode(scene(16, 16), "PNG")

    futures = [classifier.submit(content, "picture.png", model) for _ in range(2 * concurrency)]
    wait(futures, timeout=30)

    assert watch.threads == [share] * (2 * concurrency)


def test_a_model_can_be_preloaded(folder: Path, tmp_path: Path) -> None:
    built = threading.Event()

    def build() -> nn.Module:
        built.set()
        return MeanColour()

    classifier_of(folder).preload(small(tmp_path, build=build))

    assert built.wait(20)


def test_preloading_never_evicts_a_model(folder: Path, tmp_path: Path) -> None:
    classifier = classifier_of(folder)
    large = replace(small(tmp_path), parameters=1 << 40)

    classifier.preload(large)
    classifier._preloading["small"].result(20)

    assert not classifier.engine._loaded


def test_seconds_do_not_include_loading_and_waiting(folder: Path, tmp_path: Path) -> None:
    def build() -> nn.Module:
        sleep(1.5)
        return MeanColour()

    classifier = classifier_of(folder)
    model = small(tmp_path, build=build)

    futures = [classifier.submit(folder / "scene.png", "scene.png", model) for _ in range(2)]

    assert all(0 < future.result(timeout=30).seconds < 1.5 for future in futures)


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (7, 20_000), (40_000, 2)])
def test_a_very_long_picture_is_cropped_before_it_is_enlarged(
    classifier: Classifier, size: tuple[int, int]
) -> None:
    shapes: list[tuple[int, int]] = []
    model = bundled_model.load()

    def preprocess(picture: Image.Image) -> Tensor:
        shapes.append(picture.size)
        return model.preprocessing.apply(picture)

    content = encode(Image.new("RGB", size, "teal"), "PNG")
    preprocessing = replace(model.preprocessing, apply=preprocess)
    replaced = replace(model, preprocessing=preprocessing)
    prediction = classifier.classify(content, "line.png", replaced)

    assert len(prediction.predictions) == 5
    assert max(shapes[0]) <= 66 * min(shapes[0])


@pytest.mark.parametrize(
    ("size", "tolerance"),
    [
        ((900, 100), 1e-6),
        ((100, 901), 1e-6),
        ((64, 513), 1e-6),
        ((700, 64), 1e-6),
        # Cropping changes the scale in the fourth digit.
        ((7000, 100), 1e-3),
        ((64, 4800), 1e-3),
    ],
)
def test_long_pictures_have_the_prediction_of_torchvision(
    classifier: Classifier, size: tuple[int, int], tolerance: float
) -> None:
    picture = scene(*size)
    model = bundled_model.load()
    with torch.inference_mode():
        scores = trained()(model.preprocessing.apply(picture).unsqueeze(0))
    values, indices = scores.softmax(dim=1)[0].topk(5)

    prediction = classifier.classify(encode(picture, "PNG"), "long.png", model)

    assert [top.label for top in prediction.predictions] == [
        model.labels[index] for index in indices.tolist()
    ]
    assert [top.probability for top in prediction.predictions] == pytest.approx(
        values.tolist(), abs=tolerance
    )


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "CMYK", "1", "I;16"])
def test_pictures_of_every_mode_are_classified(classifier: Classifier, mode: str) -> None:
    deep = Image.new("I;16", (40, 30), 30_000)
    picture = deep if mode == deep.mode else scene(40, 30).convert(mode)
    kind = "TIFF" if mode == "CMYK" else "PNG"

    prediction = classifier.classify(encode(picture, kind), "any.png", classifier.model("tiny"))

    assert len(prediction.predictions) == 5


def test_photographs_are_classified(classifier: Classifier) -> None:
    photographs = sorted(PHOTOS.glob("*.jpg"))[::60]
    if not photographs:
        pytest.skip(f"the photographs are not on this machine: no {PHOTOS}")

    for photograph in photographs:
        prediction = classifier.classify(photograph, photograph.name, classifier.model("tiny"))
        assert prediction.image == photograph.name
        assert len({top.label for top in prediction.predictions}) == 5
