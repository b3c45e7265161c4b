"""Where a model looked: what in a picture speaks for each of its likeliest labels.

HiResCAM (Draelos and Carin, "Use HiResCAM instead of Grad-CAM", 2020) at several depths of
a network: the features at each place of a layer times the gradient of the label's
log-probability, summed over the channels. To first order that is what the label owes to
this place. benchmarks/README.md has what was measured.
"""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import interpolate

from classifier import images, layers
from classifier.catalog import Model
from classifier.download import Report, ignore
from classifier.edits import fit
from classifier.errors import UnknownNameError
from classifier.heat import Places, View
from classifier.predict import DETAIL, Classifier, Prediction, middle

DEPTHS = 3


@dataclass(frozen=True)
class Heat:
    """A label and what speaks for it: `places` are rows of the model's view in 0-1, of which
    the most is 1, or all are 0 where nothing does."""

    label: str
    probability: float
    places: Places


@dataclass(frozen=True)
class Explanation:
    """A prediction, the picture as it can be shown, what the model saw of it, and the heat
    of each label that was asked about."""

    prediction: Prediction
    picture: Image.Image
    view: View
    heats: tuple[Heat, ...]


def check(label: object, model: Model) -> str:
    """The label. Raises UnknownNameError unless the model knows it."""
    if not isinstance(label, str) or label not in model.labels:
        raise UnknownNameError(f"label of {model.name}", label, model.labels)
    return label


def explain(
    classifier: Classifier,
    source: Path | bytes,
    name: str,
    model: Model,
    label: str | None = None,
    report: Report = ignore,
) -> Explanation:
    """The answer that `classify` gives, and the heat of its labels or of one `label` alone.

    For the classifier's own threads, which bound what runs at once. Raises what `classify`
    raises, and UnknownNameError if the model does not know the label.
    """
    if label is not None:
        check(label, model)
    prediction = classifier.classify(source, name, model)
    labels = [guess.label for guess in prediction.predictions] if label is None else [label]
    picture = images.read(source, name, DETAIL * model.pixels)
    pixels = model.preprocess(middle(picture))
    known = {guess.label: guess.probability for guess in prediction.predictions}
    heats = []
    with classifier.engine.studying(model, Evidence) as evidence:
        evidences = evidence(pixels, [model.labels.index(label) for label in labels])
        for label, (probability, places) in zip(labels, evidences, strict=True):
            heats.append(Heat(label, known.get(label, probability), places.tolist()))
            report(len(heats) / len(labels))
    return Explanation(prediction, fit(picture), view(model, picture.size), tuple(heats))


def view(model: Model, size: tuple[int, int]) -> View:
    """What a model sees of a picture of a size (width, height): the middle.

    Its preprocessing scales the shorter side to `pixels` and crops.
    """
    scale = model.pixels / min(size)
    _, height, width = model.shape
    across = min(1, width / (scale * size[0]))
    down = min(1, height / (scale * size[1]))
    return View((1 - across) / 2, (1 - down) / 2, (1 + across) / 2, (1 + down) / 2)


class Evidence:
    """What in a picture speaks for a label, by the gradients of a network.

    Any number may ask at once.
    """

    def __init__(self, network: nn.Module, example: Tensor) -> None:
        self._network = network
        self._device = example.device
        self._own = threading.local()  # of each who asks
        # For good: a hook that comes and goes would be met by the others who ask.
        for number, layer in enumerate(chosen(network, example)):
            layer.register_forward_hook(self._begin if number == 0 else self._keep)

    def __call__(self, picture: Tensor, labels: Sequence[int]) -> Iterator[tuple[float, Tensor]]:
        """The probability of each label and its heat (side, side) in 0-1, on the processor,
        for a picture (3, height, width). `labels` are places among the model's."""
        with torch.enable_grad():
            scores = self._network(picture.unsqueeze(0).to(self._device))[0].log_softmax(0)
        features, self._own.features = self._own.features, []
        for label in labels:
            gradients = torch.autograd.grad(scores[label], features, retain_graph=True)
            yield scores[label].exp().item(), _heat(features, gradients)

    def _begin(self, layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        """Nothing needs to be known of what lies before the first of the layers."""
        first = output.detach().requires_grad_()
        self._own.features = [first]
        return first.clone()  # what comes may write over it

    def _keep(self, layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        self._own.features.append(output)
        return output.clone()


def chosen(network: nn.Module, example: Tensor) -> list[nn.Module]:
    """The layers to look at, in the order in which they run.

    Of a convolutional network the last of each of the coarsest grids: the later a layer, the
    more it knows of things; the finer its grid, the better it knows where they are. Of a
    transformer every layer of tokens: what belongs to a place moves on to the first token
    in any of them.
    """
    found = layers.bottlenecks(network, example)
    last = {bottleneck.side: bottleneck.layer for bottleneck in found}
    tokens = [bottleneck.layer for bottleneck in found if bottleneck.is_tokens]
    return tokens or [last[side] for side in sorted(last)[:DEPTHS][::-1]]


def _heat(features: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """The mean over layers of their heat, each as strong as the others."""
    owed = [
        (layers.grid(values.detach()) * layers.grid(gradient)).sum(0).clamp(min=0)
        for values, gradient in zip(features, gradients, strict=True)
    ]
    finest = max(len(places) for places in owed)
    scaled = [
        interpolate(
            (places / places.max().clamp(min=1e-30))[None, None], (finest, finest), mode="bilinear"
        )
        for places in owed
    ]
    whole = torch.cat(scaled).mean((0, 1))
    return whole.div(whole.max().clamp(min=1e-30)).cpu()
