"""Where models looked, and that it is where they looked."""

from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import nn

from classifier import Classifier
from classifier.errors import PictureError, UnknownNameError
from classifier.inference.engine import Engine
from classifier.inference.explanation import Explanation, HiResCam, explain, view
from classifier.inference.heatmaps import View, upsample
from classifier.models import bundled_model, catalogue, torchvision_models
from classifier.models.model import Model
from classifier.models.weights import WeightsCache
from classifier.pictures.decoding import decode
from classifier.settings import Settings
from tests.support.picture_files import encode, scene
from tests.support.server import PROJECT
from tests.support.small_models import reference

PHOTOS = PROJECT.parent / "shared" / "data" / "photos"
OWN = sorted((PROJECT / "images").glob("*.jpg"))
GREY = numpy.array([124, 116, 104], numpy.uint8)  # ImageNet's mean: nothing, to a network
PART = 0.2
PICTURES = 50
DRAWS = 3


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    cache = tmp_path_factory.mktemp("cache")
    return Classifier.from_settings(Settings(models=("tiny",), device="cpu", cache=cache))


def of(classifier: Classifier, picture: Image.Image, label: str | None = None) -> Explanation:
    model = classifier.model("tiny")
    content = encode(picture, "PNG", compress_level=1)
    return classifier.run(lambda: explain(classifier, content, "picture.png", model, label)).result(
        60
    )


def gallery(name: str) -> Image.Image:
    return decode(PROJECT / "images" / name, name)


def photographs() -> list[Image.Image]:
    files = sorted(PHOTOS.glob("*.jpg"))
    step = max(1, len(files) // PICTURES)
    return [decode(file, file.name) for file in files[::step][:PICTURES]]


def variants() -> list[Image.Image]:
    """The pictures of the repository, and their mirror images cut to another shape."""
    pictures = [decode(file, file.name) for file in OWN]
    others = [ImageOps.mirror(picture).crop((0, 40, 512, 472)) for picture in pictures]
    return [*pictures, *others][:PICTURES]


def hottest(explanation: Explanation, size: tuple[int, int]) -> NDArray[numpy.bool_]:
    """The fifth of what the model saw, (height, width), in which its first label is hottest."""
    heat = upsample(explanation.heatmaps[0].heatmap, explanation.view, size)
    left, top, right, bottom = explanation.view.box(size)
    order = numpy.argsort(-heat[top:bottom, left:right], axis=None, kind="stable")
    mask = numpy.zeros((bottom - top, right - left), bool)
    mask.flat[order[: round(PART * mask.size)]] = True
    return mask


def covered(
    picture: Image.Image, explanation: Explanation, mask: NDArray[numpy.bool_]
) -> Image.Image:
    """The picture with grey where the mask is, which is of the size of the view."""
    pixels = numpy.array(picture)
    left, top, right, bottom = explanation.view.box(picture.size)
    pixels[top:bottom, left:right][mask] = GREY
    return Image.fromarray(pixels)


def moved(mask: NDArray[numpy.bool_], random: numpy.random.Generator) -> NDArray[numpy.bool_]:
    """The mask elsewhere: as large and of the same shape, but that it wraps at the edges."""
    by = [int(random.integers(length // 8, length - length // 8)) for length in mask.shape]
    return numpy.roll(mask, by, (0, 1))


def probability(classifier: Classifier, picture: Image.Image, label: str) -> float:
    """Among all labels, not only the first five."""
    model = classifier.model("tiny")
    with classifier.engine.loaded(model) as run:
        return run(model.preprocess(picture))[model.labels.index(label)].item()


@pytest.mark.parametrize("source", [photographs, variants])
def test_covering_where_it_looked_costs_a_label_more_than_covering_elsewhere(
    classifier: Classifier, source: Callable[[], list[Image.Image]]
) -> None:
    """A fifth of each picture is covered with grey: the hottest, or one of the same shape."""
    pictures = source()
    if not pictures:
        pytest.skip(f"the photographs are not here: no {PHOTOS}")
    random = numpy.random.default_rng(1)
    lost, lost_elsewhere = [], []
    for picture in pictures:
        explanation = of(classifier, picture)
        label = explanation.heatmaps[0].label
        mask = hottest(explanation, picture.size)
        masks = [mask, *(moved(mask, random) for _ in range(DRAWS))]
        before, after, *others = (
            probability(classifier, shown, label)
            for shown in [picture, *(covered(picture, explanation, m) for m in masks)]
        )
        lost.append(before - after)
        lost_elsewhere.append(before - float(numpy.mean(others)))

    assert len(pictures) == PICTURES
    assert numpy.mean(lost) > numpy.mean(lost_elsewhere) + 0.1
    assert numpy.mean(numpy.greater(lost, lost_elsewhere)) > 0.75


def test_labels_and_probabilities_are_those_of_the_answer(classifier: Classifier) -> None:
    model = classifier.model("tiny")
    content = encode(gallery("teapot.jpg"), "PNG")
    answer = classifier.classify(content, "teapot", model)

    explanation = explain(classifier, content, "teapot", model)

    assert replace(explanation.prediction, seconds=0) == replace(answer, seconds=0)
    assert [(heat.label, heat.probability) for heat in explanation.heatmaps] == [
        (guess.label, guess.probability) for guess in answer.predictions
    ]


def test_heat_is_between_nothing_and_one_and_the_same_each_time(classifier: Classifier) -> None:
    first, second = (of(classifier, gallery("barn.jpg")) for _ in range(2))

    assert first.heatmaps == second.heatmaps
    for heat in first.heatmaps:
        places = numpy.array(heat.heatmap)
        assert places.shape == (16, 16)
        assert (places.min() >= 0, places.max()) == (True, 1)


def test_each_label_has_heat_of_its_own(classifier: Classifier) -> None:
    """What looks like a beacon in the picture of a barn is the silo beside it."""
    heats = {heat.label: heat for heat in of(classifier, gallery("barn.jpg")).heatmaps}
    silo = numpy.s_[4:9, 13:16]
    barn, beacon = (numpy.array(heats[label].heatmap) for label in ("barn", "beacon"))

    assert numpy.argmax(beacon) in [16 * row + column for row in range(4, 9) for column in (13, 14)]
    assert beacon[silo].mean() > 2 * barn[silo].mean()
    assert barn[5:14, 4:11].mean() > barn.mean() > barn[:3].mean()


def test_one_label_alone_may_be_any_that_the_model_knows(classifier: Classifier) -> None:
    picture = gallery("barn.jpg")
    five = of(classifier, picture)
    second, other = five.heatmaps[1].label, "goldfish"

    assert of(classifier, picture, second).heatmaps == (five.heatmaps[1],)
    (heat,) = of(classifier, picture, other).heatmaps
    assert heat.label == other
    assert heat.probability == pytest.approx(probability(classifier, picture, other), abs=1e-6)
    with pytest.raises(UnknownNameError, match="No label of tiny is called 'gold fish'; the close"):
        of(classifier, picture, "gold fish")


def test_what_is_no_picture_is_refused(classifier: Classifier) -> None:
    with pytest.raises(PictureError, match="not a picture that can be read"):
        explain(classifier, b"text", "text.png", classifier.model("tiny"))


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("tiny", (512, 512), View(0, 0, 1, 1)),
        ("tiny", (200, 100), View(0.25, 0, 0.75, 1)),
        ("resnet18", (256, 512), View(1 / 16, 9 / 32, 15 / 16, 23 / 32)),
        ("tiny", (1, 10_000), View(0, 0.49995, 1, 0.50005)),
    ],
)
def test_the_view_is_what_preprocessing_leaves(
    name: str, size: tuple[int, int], expected: View
) -> None:
    found = view(catalogue.load([name])[name], size)

    assert vars(found) == pytest.approx(vars(expected), abs=1e-6)


@pytest.mark.parametrize("name", ["tiny", "resnet18", "inception_v3"])
@pytest.mark.parametrize("size", [(400, 300), (300, 400), (320, 320)])
def test_only_what_lies_in_the_view_counts(name: str, size: tuple[int, int]) -> None:
    model = catalogue.load([name])[name]
    picture = numpy.array(scene(*size))
    left, top, right, bottom = view(model, size).box(size)
    other = picture.copy()
    other[top:bottom, left:right] = 255 - other[top:bottom, left:right]
    framed = numpy.full_like(picture, 255)
    margin = 12  # as far as scaling mixes neighbours
    seen = numpy.s_[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    framed[seen] = picture[seen]

    pixels = [model.preprocess(Image.fromarray(array)) for array in (picture, framed, other)]

    torch.testing.assert_close(pixels[0], pixels[1], rtol=0, atol=1e-4)
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert (pixels[0] - pixels[2])[:, corner[0], corner[1]].abs().max() > 0.01


@pytest.mark.parametrize(
    "name", ["alexnet", "convnext_tiny", "inception_v3", "mobilenet_v3_large", "vit_b_32"]
)
def test_every_kind_of_network_can_be_explained(name: str) -> None:
    """With weights that mean nothing: what the heat shows of them is their own logic alone."""
    picture = scene()
    network = reference(name, picture, **torchvision_models.ARGUMENTS.get(name, {})).requires_grad_(
        False
    )
    pixels = torchvision_models.load(name).preprocess(picture)
    with torch.inference_mode():
        probabilities = network(pixels.unsqueeze(0))[0].softmax(0)
    labels = probabilities.topk(3).indices.tolist()
    evidence = HiResCam(network, pixels.unsqueeze(0))

    first, second = (list(evidence(pixels, labels)) for _ in range(2))

    for (value, heat), (_, again), label in zip(first, second, labels, strict=True):
        assert value == pytest.approx(probabilities[label].item(), abs=1e-5)
        torch.testing.assert_close(heat, again, rtol=0, atol=1e-5)
        assert heat.shape[0] == heat.shape[1] >= 7
        assert heat.min() >= 0
        assert heat.max() == 1
        assert not heat.isnan().any()
        assert heat.std() > 0.01
    assert (first[0][1] - first[1][1]).abs().mean() > 0.01
    mirrored = next(evidence(pixels.flip(2), labels[:1]))[1]
    assert (mirrored - first[0][1]).abs().mean() > 0.01


def test_many_who_ask_at_once_get_each_their_own(classifier: Classifier) -> None:
    model = classifier.model("tiny")
    names = [path.name for path in OWN[:4]] * 3
    expected = {name: of(classifier, gallery(name)).heatmaps for name in names}

    with ThreadPoolExecutor(4) as threads:
        found = list(
            threads.map(
                lambda name: explain(classifier, encode(gallery(name), "PNG"), name, model), names
            )
        )

    assert [explanation.prediction.image for explanation in found] == names
    for explanation in found:
        assert explanation.heatmaps == expected[explanation.prediction.image]


def test_one_who_is_gone_costs_no_more_than_the_label_at_hand(classifier: Classifier) -> None:
    reported: list[float] = []

    def report(part: float) -> None:
        reported.append(part)
        if len(reported) == 2:
            raise CancelledError

    content = encode(scene(), "PNG")
    with pytest.raises(CancelledError):
        explain(classifier, content, "scene", classifier.model("tiny"), report=report)

    assert reported == [0.2, 0.4]


def test_the_network_is_loaded_once_and_counts_as_memory(tmp_path: Path) -> None:
    tiny = bundled_model.load()
    built: list[nn.Module] = []

    def build() -> nn.Module:
        built.append(tiny.build())
        return built[-1]

    model = replace(tiny, build=build)
    engine = Engine("cpu", WeightsCache(tmp_path), tmp_path / "onnx", threads=1, memory_mb=15)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: use(engine, model), range(8)))
    assert len(built) == 1

    with engine.loaded(tiny):
        pass
    assert len(engine._loaded) == 1  # two of 11 MB do not fit
    use(engine, model)
    assert len(built) == 2


def use(engine: Engine, model: Model) -> None:
    with engine.torch_network(model, HiResCam) as evidence:
        assert len(list(evidence(model.preprocess(scene()), [0, 1]))) == 2
