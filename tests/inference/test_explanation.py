"""Explanations, and whether their heatmaps show the parts of a picture that matter."""

from collections.abc import Callable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
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
from classifier.machine import processors
from classifier.models import bundled_model, catalogue, torchvision_models
from classifier.models.model import Model
from classifier.models.weights import WeightsCache
from classifier.pictures.decoding import decode
from classifier.settings import Settings
from tests.support.picture_files import encode, scene
from tests.support.server import PROJECT
from tests.support.small_models import reference, state_dict

PHOTOS = PROJECT.parent / "shared" / "data" / "photos"
OWN = sorted((PROJECT / "images").glob("*.jpg"))
# The mean of ImageNet, which carries no information.
GREY = numpy.array([124, 116, 104], numpy.uint8)
PART = 0.2
PICTURES = 50
DRAWS = 3


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    cache = tmp_path_factory.mktemp("cache")
    # One torch thread for each job: more threads would compete with the other test processes.
    return Classifier.from_settings(
        Settings(models=("tiny",), device="cpu", concurrency=processors(), cache=cache)
    )


def explained(
    classifier: Classifier, picture: Image.Image, label: str | None = None
) -> Explanation:
    """Returns the explanation of the bundled model for a picture."""
    model = classifier.model("tiny")
    content = encode(picture, "BMP")  # the fastest format to encode and decode
    work = partial(explain, classifier, content, "picture.bmp", model, label)
    return classifier.run(work).result(60)


def first_label(classifier: Classifier, picture: Image.Image) -> str:
    """Returns the label that the bundled model predicts first."""
    content = encode(picture, "BMP")
    prediction = classifier.classify(content, "picture.bmp", classifier.model("tiny"))
    return prediction.predictions[0].label


def gallery(name: str) -> Image.Image:
    return decode(PROJECT / "images" / name, name)


def photographs() -> list[Image.Image]:
    files = sorted(PHOTOS.glob("*.jpg"))
    step = max(1, len(files) // PICTURES)
    return [decode(file, file.name) for file in files[::step][:PICTURES]]


def variants() -> list[Image.Image]:
    """Returns the pictures in the repository, and cropped mirror images of them."""
    pictures = [decode(file, file.name) for file in OWN]
    others = [ImageOps.mirror(picture).crop((0, 40, 512, 472)) for picture in pictures]
    return [*pictures, *others][:PICTURES]


def most_important(explanation: Explanation, size: tuple[int, int]) -> NDArray[numpy.bool_]:
    """Returns a mask (height, width) of the fifth of the view with the highest values."""
    heatmap = upsample(explanation.heatmaps[0].heatmap, explanation.view, size)
    left, top, right, bottom = explanation.view.box(size)
    order = numpy.argsort(-heatmap[top:bottom, left:right], axis=None, kind="stable")
    mask = numpy.zeros((bottom - top, right - left), bool)
    mask.flat[order[: round(PART * mask.size)]] = True
    return mask


def covered(
    picture: Image.Image, explanation: Explanation, mask: NDArray[numpy.bool_]
) -> Image.Image:
    """Returns the picture with grey in place of the masked part of its view."""
    pixels = numpy.array(picture)
    left, top, right, bottom = explanation.view.box(picture.size)
    pixels[top:bottom, left:right][mask] = GREY
    return Image.fromarray(pixels)


def moved(mask: NDArray[numpy.bool_], random: numpy.random.Generator) -> NDArray[numpy.bool_]:
    """Returns the mask at another place. It wraps at the edges, so its area stays the same."""
    by = [int(random.integers(length // 8, length - length // 8)) for length in mask.shape]
    return numpy.roll(mask, by, (0, 1))


def probability(classifier: Classifier, picture: Image.Image, label: str) -> float:
    """Returns the probability of any label, also of one that is not among the first five."""
    model = classifier.model("tiny")
    with classifier.engine.loaded(model) as run:
        return run(model.preprocessing.apply(picture))[model.labels.index(label)].item()


@pytest.mark.parametrize("source", [photographs, variants])
def test_covering_the_most_important_part_lowers_the_probability_most(
    classifier: Classifier, source: Callable[[], list[Image.Image]]
) -> None:
    """Compares it with covering another part of the same shape and size."""
    pictures = source()
    if not pictures:
        pytest.skip(f"the photographs are not on this machine: no {PHOTOS}")
    random = numpy.random.default_rng(1)
    drops, drops_elsewhere = [], []
    for picture in pictures:
        label = first_label(classifier, picture)
        explanation = explained(classifier, picture, label)
        mask = most_important(explanation, picture.size)
        masks = [mask, *(moved(mask, random) for _ in range(DRAWS))]
        before, after, *others = (
            probability(classifier, shown, label)
            for shown in [picture, *(covered(picture, explanation, m) for m in masks)]
        )
        drops.append(before - after)
        drops_elsewhere.append(before - float(numpy.mean(others)))

    assert len(pictures) == PICTURES
    assert numpy.mean(drops) > numpy.mean(drops_elsewhere) + 0.1
    assert numpy.mean(numpy.greater(drops, drops_elsewhere)) > 0.75


def test_labels_and_probabilities_are_those_of_the_prediction(classifier: Classifier) -> None:
    model = classifier.model("tiny")
    content = encode(gallery("teapot.jpg"), "PNG")
    prediction = classifier.classify(content, "teapot", model)

    explanation = explain(classifier, content, "teapot", model)

    assert replace(explanation.prediction, seconds=0) == replace(prediction, seconds=0)
    assert [(heatmap.label, heatmap.probability) for heatmap in explanation.heatmaps] == [
        (top.label, top.probability) for top in prediction.predictions
    ]


def test_heatmaps_have_values_in_0_to_1_and_are_reproducible(classifier: Classifier) -> None:
    first, second = (explained(classifier, gallery("barn.jpg")) for _ in range(2))

    assert first.heatmaps == second.heatmaps
    for heatmap in first.heatmaps:
        values = numpy.array(heatmap.heatmap)
        assert values.shape == (16, 16)
        assert (values.min() >= 0, values.max()) == (True, 1)


def test_each_label_has_its_own_heatmap(classifier: Classifier) -> None:
    """In the picture of a barn, the silo next to it looks like a beacon."""
    heatmaps = {
        heatmap.label: heatmap for heatmap in explained(classifier, gallery("barn.jpg")).heatmaps
    }
    silo = numpy.s_[4:9, 13:16]
    barn, beacon = (numpy.array(heatmaps[label].heatmap) for label in ("barn", "beacon"))

    assert numpy.argmax(beacon) in [16 * row + column for row in range(4, 9) for column in (13, 14)]
    assert beacon[silo].mean() > 2 * barn[silo].mean()
    assert barn[5:14, 4:11].mean() > barn.mean() > barn[:3].mean()


def test_a_single_label_can_be_any_label_of_the_model(classifier: Classifier) -> None:
    picture = gallery("barn.jpg")
    five = explained(classifier, picture)
    second, other = five.heatmaps[1].label, "goldfish"

    assert explained(classifier, picture, second).heatmaps == (five.heatmaps[1],)
    (heatmap,) = explained(classifier, picture, other).heatmaps
    assert heatmap.label == other
    assert heatmap.probability == pytest.approx(probability(classifier, picture, other), abs=1e-6)
    with pytest.raises(UnknownNameError, match="No label of tiny is called 'gold fish'; the close"):
        explained(classifier, picture, "gold fish")


def test_a_file_that_is_not_a_picture_is_refused(classifier: Classifier) -> None:
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
def test_the_view_is_the_part_that_preprocessing_keeps(
    name: str, size: tuple[int, int], expected: View
) -> None:
    found = view(catalogue.load([name])[name], size)

    assert vars(found) == pytest.approx(vars(expected), abs=1e-6)


@pytest.mark.parametrize("name", ["tiny", "resnet18", "inception_v3"])
@pytest.mark.parametrize("size", [(400, 300), (300, 400), (320, 320)])
def test_only_the_view_influences_the_input_of_the_model(name: str, size: tuple[int, int]) -> None:
    model = catalogue.load([name])[name]
    picture = numpy.array(scene(*size))
    left, top, right, bottom = view(model, size).box(size)
    other = picture.copy()
    other[top:bottom, left:right] = 255 - other[top:bottom, left:right]
    framed = numpy.full_like(picture, 255)
    margin = 12  # resizing blends neighbouring pixels over this distance
    near = numpy.s_[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    framed[near] = picture[near]

    pixels = [
        model.preprocessing.apply(Image.fromarray(array)) for array in (picture, framed, other)
    ]

    torch.testing.assert_close(pixels[0], pixels[1], rtol=0, atol=1e-4)
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert (pixels[0] - pixels[2])[:, corner[0], corner[1]].abs().max() > 0.01


@pytest.mark.parametrize(
    "name", ["alexnet", "convnext_tiny", "inception_v3", "mobilenet_v3_large", "vit_b_32"]
)
def test_networks_of_every_kind_can_be_explained(name: str) -> None:
    """The weights are random, so this checks only properties of the heatmaps."""
    picture = scene()
    network = reference(name, picture, **torchvision_models.ARGUMENTS.get(name, {})).requires_grad_(
        False
    )
    pixels = torchvision_models.load(name).preprocessing.apply(picture)
    with torch.inference_mode():
        probabilities = network(pixels.unsqueeze(0))[0].softmax(0)
    labels = probabilities.topk(2).indices.tolist()
    hirescam = HiResCam(network, pixels.unsqueeze(0))

    first, second = (list(hirescam(pixels, labels)) for _ in range(2))

    for (value, heatmap), (_, again), label in zip(first, second, labels, strict=True):
        assert value == pytest.approx(probabilities[label].item(), abs=1e-5)
        torch.testing.assert_close(heatmap, again, rtol=0, atol=1e-5)
        assert heatmap.shape[0] == heatmap.shape[1] >= 7
        assert heatmap.min() >= 0
        assert heatmap.max() == 1
        assert not heatmap.isnan().any()
        assert heatmap.std() > 0.01
    assert (first[0][1] - first[1][1]).abs().mean() > 0.01
    mirrored = next(hirescam(pixels.flip(2), labels[:1]))[1]
    assert (mirrored - first[0][1]).abs().mean() > 0.01


def test_simultaneous_callers_get_their_own_explanations(classifier: Classifier) -> None:
    model = classifier.model("tiny")
    names = [path.name for path in OWN[:4]] * 3
    expected = {name: explained(classifier, gallery(name)).heatmaps for name in set(names)}

    with ThreadPoolExecutor(4) as threads:
        found = list(
            threads.map(
                lambda name: explain(classifier, encode(gallery(name), "BMP"), name, model), names
            )
        )

    assert [explanation.prediction.image for explanation in found] == names
    for explanation in found:
        assert explanation.heatmaps == expected[explanation.prediction.image]


def test_a_cancelled_caller_stops_the_work_after_the_current_label(classifier: Classifier) -> None:
    reported: list[float] = []

    def report(fraction: float) -> None:
        reported.append(fraction)
        if len(reported) == 2:
            raise CancelledError

    content = encode(scene(), "PNG")
    with pytest.raises(CancelledError):
        explain(classifier, content, "scene", classifier.model("tiny"), report=report)

    assert reported == [0.2, 0.4]


def test_the_network_is_loaded_once_and_counts_towards_the_memory_limit(tmp_path: Path) -> None:
    tiny = bundled_model.load()
    built: list[nn.Module] = []

    def build() -> nn.Module:
        built.append(state_dict(tiny).build())
        return built[-1]

    model = replace(tiny, network=replace(state_dict(tiny), build=build))
    engine = Engine("cpu", WeightsCache(tmp_path), tmp_path / "onnx", threads=1, memory_mb=15)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: use(engine, model), range(8)))
    assert len(built) == 1

    with engine.loaded(tiny):
        pass
    assert len(engine._loaded) == 1  # the limit is less than two networks of 11 MB
    use(engine, model)
    assert len(built) == 2


def use(engine: Engine, model: Model) -> None:
    with engine.torch_network(model, HiResCam) as hirescam:
        assert len(list(hirescam(model.preprocessing.apply(scene()), [0, 1]))) == 2
