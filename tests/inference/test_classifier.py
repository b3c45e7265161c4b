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
from classifier.models.weights import WeightsCache
from classifier.pictures.gallery import Gallery
from tests.support.picture_files import encode, save, scene
from tests.support.small_models import MeanColour, probabilities, reference, small

PHOTOS = Path(__file__).parents[2] / "shared" / "data" / "photos"
# What torchvision makes networks with for its own weights, proven below for inception_v3.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "resnet18": {},
    "alexnet": {},
    "inception_v3": {"transform_input": True, "init_weights": False},
    "mobilenet_v3_large": {},
    "efficientnet_v2_s": {},
    "convnext_tiny": {},
    "vit_b_16": {},
    "googlenet": {"transform_input": True, "init_weights": False},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of sample pictures."""
    folder = tmp_path / "images"
    folder.mkdir()
    save(scene(), folder / "scene.png")
    return folder


def classifier_of(folder: Path, concurrency: int = 1, threads: int = 1) -> Classifier:
    """A classifier of the bundled model, for the pictures of a folder."""
    engine = Engine(
        "cpu", WeightsCache(folder / "weights"), folder / "onnx", threads=threads, memory_mb=1000
    )
    models = catalogue.load(["tiny"])
    return Classifier(models, engine, Gallery(folder), concurrency, threads)


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[Path]:
    """A file for weights that goes away at once: some hold hundreds of megabytes."""
    file = tmp_path / "net.pth"
    yield file
    file.unlink(missing_ok=True)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_answer_agrees_with_torchvisions_own(name: str, folder: Path, saved: Path) -> None:
    picture = scene()
    network = reference(name, picture, **ARGUMENTS[name])
    torch.save(network.state_dict(), saved)
    model = replace(torchvision_models.load(name), weights=saved)

    answer = classifier_of(folder).classify(folder / "scene.png", "scene.png", model)

    expected = probabilities(network, name, picture)
    values, places = expected.topk(6)
    # Scores that lie apart, and depend on the picture: else any order would do.
    assert 0.01 < values[0] < 0.95
    assert all(higher - lower > 2e-4 for higher, lower in pairwise(values.tolist()))
    mirrored = probabilities(network, name, scene().rotate(180))
    assert (mirrored - expected).abs().max() > 0.01
    assert [guess.label for guess in answer.predictions] == [
        model.labels[place] for place in places[:5].tolist()
    ]
    assert [guess.probability for guess in answer.predictions] == pytest.approx(
        values[:5].tolist(), abs=1e-4
    )


@pytest.mark.timeout(60)
def test_inception_transforms_its_input_as_torchvisions_builder_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    picture = scene()
    state = reference("inception_v3", picture, **ARGUMENTS["inception_v3"]).state_dict()
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda self, **options: state)

    theirs = get_model("inception_v3", weights="DEFAULT").eval()
    ours = torchvision_models.load("inception_v3").build().eval()
    plain = get_model("inception_v3", weights=None, init_weights=False).eval()
    for network in (ours, plain):
        network.load_state_dict(state)

    expected = probabilities(theirs, "inception_v3", picture)
    torch.testing.assert_close(
        probabilities(ours, "inception_v3", picture), expected, rtol=0, atol=1e-6
    )
    # Without it the answer would be another one.
    assert (probabilities(plain, "inception_v3", picture) - expected).abs().max() > 0.01


def test_bundled_model_gives_five_labels_the_likeliest_first(folder: Path) -> None:
    classifier = classifier_of(folder)

    answer = classifier.classify(folder / "scene.png", "scene.png", classifier.model("tiny"))

    assert (answer.model, answer.image, answer.device) == ("tiny", "scene.png", "cpu")
    assert len({guess.label for guess in answer.predictions}) == 5
    assert {guess.label for guess in answer.predictions} <= set(bundled_model.load().labels)
    values = [guess.probability for guess in answer.predictions]
    assert values == sorted(values, reverse=True)
    assert 0 < sum(values) <= 1 + 1e-6
    assert values[0] >= 1 / 200
    assert 0 < answer.seconds < 30


def test_same_picture_has_the_same_answer_each_time(folder: Path) -> None:
    classifier = classifier_of(folder, concurrency=2)
    model = classifier.model("tiny")
    content = (folder / "scene.png").read_bytes()

    sources: list[Path | bytes] = [folder / "scene.png", content] * 3
    futures = [classifier.submit(source, "scene.png", model) for source in sources]

    first, *others = [future.result(timeout=60).predictions for future in futures]
    assert all(other == first for other in others)


def test_record_is_what_clients_rely_on(folder: Path) -> None:
    classifier = classifier_of(folder)

    answer = classifier.classify(folder / "scene.png", "scène.png", classifier.model("tiny"))
    record = json.loads(json.dumps(answer.record()))

    assert list(record) == ["model", "image", "predictions", "seconds"]
    assert (record["model"], record["image"]) == ("tiny", "scène.png")
    assert isinstance(record["seconds"], float)
    assert record["seconds"] == pytest.approx(answer.seconds, abs=1e-4)
    assert record["predictions"] == [
        {"label": guess.label, "probability": pytest.approx(guess.probability, abs=1e-6)}
        for guess in answer.predictions
    ]
    assert len(record["predictions"]) == 5


@pytest.mark.parametrize(
    "name", ["Tiny", "resnet18", "", " tiny", None, [], ["tiny"], {"tiny": 1}, 3, b"tiny"]
)
def test_model_that_is_not_on_offer_is_refused(folder: Path, name: object) -> None:
    with pytest.raises(UnknownNameError) as caught:
        classifier_of(folder).model(name)

    assert str(caught.value) == f"No model is called {name!r}; valid: tiny."


def test_classifier_is_what_its_settings_say(folder: Path, tmp_path: Path) -> None:
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
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here"),
        ),
    ],
)
def test_settings_that_cannot_be_met_are_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingError, match=text):
        Classifier.from_settings(replace(Settings(models=("tiny",)), **change))


def test_one_bad_job_harms_no_other(folder: Path, tmp_path: Path) -> None:
    classifier = classifier_of(folder)
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
    """Counts how many networks run, in all and at once, and may hold them."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.lock = threading.Lock()
        self.seconds = seconds
        self.runs = self.running = self.most = 0
        self.begun, self.go = threading.Event(), threading.Event()
        self.threads: list[int] = []

    def model(self, folder: Path) -> Model:
        return small(folder, "slow", lambda: _Watched(self))


class _Watched(MeanColour):
    """Runs in torch, where it can be watched: an export would hold none of this."""

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
        watch.begun.set()
        sleep(watch.seconds)
        assert watch.seconds or watch.go.wait(20)
        with watch.lock:
            watch.running -= 1
        return super().forward(pictures)


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_no_more_run_at_once_than_set_though_half_are_cancelled(
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


def test_job_cancelled_before_its_turn_never_runs(folder: Path, tmp_path: Path) -> None:
    watch = Watch()
    model = watch.model(tmp_path)
    classifier = classifier_of(folder)
    content = encode(scene(16, 16), "PNG")
    first = classifier.submit(content, "first.png", model)
    assert watch.begun.wait(20)
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
def test_processors_are_shared_among_those_who_run(
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


def test_a_model_is_made_ready_before_anyone_asks(folder: Path, tmp_path: Path) -> None:
    built = threading.Event()

    def build() -> nn.Module:
        built.set()
        return MeanColour()

    classifier_of(folder).preload(small(tmp_path, build=build))

    assert built.wait(20)


def test_no_model_makes_room_for_one_that_nobody_asked_for(folder: Path, tmp_path: Path) -> None:
    classifier = classifier_of(folder)
    large = replace(small(tmp_path), parameters=1 << 40)

    classifier.preload(large)
    classifier._preloading["small"].result(20)

    assert not classifier.engine._loaded


def test_seconds_leave_out_loading_and_waiting(folder: Path, tmp_path: Path) -> None:
    def build() -> nn.Module:
        sleep(1.5)
        return MeanColour()

    classifier = classifier_of(folder)
    model = small(tmp_path, build=build)

    futures = [classifier.submit(folder / "scene.png", "scene.png", model) for _ in range(2)]

    assert all(0 < future.result(timeout=30).seconds < 1.5 for future in futures)


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (7, 20_000), (40_000, 2)])
def test_very_long_picture_is_cut_before_it_is_scaled_up(
    folder: Path, size: tuple[int, int]
) -> None:
    classifier = classifier_of(folder)
    shapes: list[tuple[int, int]] = []
    model = bundled_model.load()

    def preprocess(picture: Image.Image) -> Tensor:
        shapes.append(picture.size)
        return model.preprocess(picture)

    content = encode(Image.new("RGB", size, "teal"), "PNG")
    answer = classifier.classify(content, "line.png", replace(model, preprocess=preprocess))

    assert len(answer.predictions) == 5
    assert max(shapes[0]) <= 66 * min(shapes[0])


@pytest.mark.parametrize(
    ("size", "tolerance"),
    [
        ((900, 100), 1e-6),
        ((100, 901), 1e-6),
        ((64, 513), 1e-6),
        ((700, 64), 1e-6),
        # Cut, and then scaled by a ratio that differs in the fourth digit.
        ((7000, 100), 1e-3),
        ((64, 4800), 1e-3),
    ],
)
def test_length_changes_no_answer(folder: Path, size: tuple[int, int], tolerance: float) -> None:
    picture = scene(*size)
    model = bundled_model.load()
    assert isinstance(model.weights, Path)
    network = model.build()
    network.load_state_dict(model.read(model.weights))
    with torch.inference_mode():
        scores = network.eval()(model.preprocess(picture).unsqueeze(0))
    values, places = scores.softmax(dim=1)[0].topk(5)

    answer = classifier_of(folder).classify(encode(picture, "PNG"), "long.png", model)

    assert [guess.label for guess in answer.predictions] == [
        model.labels[place] for place in places.tolist()
    ]
    assert [guess.probability for guess in answer.predictions] == pytest.approx(
        values.tolist(), abs=tolerance
    )


@pytest.mark.parametrize("mode", ["RGBA", "LA", "L", "P", "CMYK", "1", "I;16"])
def test_picture_of_any_mode_is_classified(folder: Path, mode: str) -> None:
    deep = Image.new("I;16", (40, 30), 30_000)
    picture = deep if mode == deep.mode else scene(40, 30).convert(mode)
    kind = "TIFF" if mode == "CMYK" else "PNG"
    classifier = classifier_of(folder)

    answer = classifier.classify(encode(picture, kind), "any.png", classifier.model("tiny"))

    assert len(answer.predictions) == 5


def test_photographs_are_classified(folder: Path) -> None:
    photographs = sorted(PHOTOS.glob("*.jpg"))[::60]
    if not photographs:
        pytest.skip(f"the photographs are not here: no {PHOTOS}")
    classifier = classifier_of(folder)

    for photograph in photographs:
        answer = classifier.classify(photograph, photograph.name, classifier.model("tiny"))
        assert answer.image == photograph.name
        assert len({guess.label for guess in answer.predictions}) == 5
