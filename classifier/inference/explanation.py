"""Explanations: heatmaps of the parts of a picture that support each predicted label.

The method is HiResCAM (Draelos and Carin, "Use HiResCAM instead of Grad-CAM", 2020) at several
depths of a network: the features at each position of a layer, multiplied by the gradient of
the label's log-probability and summed over the channels. To first order, this is the
contribution of the position to the label. benchmarks/README.md shows the measurements.
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

from classifier.download import ProgressCallback, no_progress
from classifier.errors import InputError, UnknownNameError
from classifier.inference import network_layers
from classifier.inference.classifier import OVERSAMPLING, Classifier, crop_extreme
from classifier.inference.heatmaps import Heatmap, View
from classifier.inference.prediction import Prediction
from classifier.models.model import Model
from classifier.models.onnx_network import OnnxNetwork
from classifier.pictures.decoding import decode
from classifier.pictures.edits import limit_size

DEPTHS = 3


@dataclass(frozen=True)
class LabelHeatmap:
    """A label and its heatmap: rows that cover the view of the model, with values in 0-1.

    The largest value is 1, or all values are 0 if nothing supports the label.
    """

    label: str
    probability: float
    heatmap: Heatmap


@dataclass(frozen=True)
class Explanation:
    """A prediction and the heatmaps of its labels.

    `picture` is the picture to show, and `view` the part of it that the model used.
    """

    prediction: Prediction
    picture: Image.Image
    view: View
    heatmaps: tuple[LabelHeatmap, ...]


def check_label(label: object, model: Model) -> str:
    """Returns the label. Raises UnknownNameError if the model does not have it."""
    if not isinstance(label, str) or label not in model.labels:
        raise UnknownNameError(f"label of {model.name}", label, model.labels)
    return label


def check_explainable(model: Model) -> None:
    """Raises InputError if predictions of the model cannot be explained."""
    reason = None
    if isinstance(model.network, OnnxNetwork):
        reason = "it is an ONNX file, which computes no gradients"
    elif model.preprocessing.fit == "pad":
        reason = "its preprocessing adds a border to the picture"
    if reason:
        raise InputError(f"{model.name} cannot be explained: {reason}. Choose another model.")


def explain(
    classifier: Classifier,
    source: Path | bytes,
    name: str,
    model: Model,
    label: str | None = None,
    report: ProgressCallback = no_progress,
) -> Explanation:
    """Returns the prediction of `classify` with heatmaps of its labels, or of one `label`.

    Call it through `Classifier.run`, which limits how much runs at the same time. Raises the
    errors of `classify`, UnknownNameError if the model does not have the label, and InputError if
    the network cannot be explained.
    """
    if label is not None:
        check_label(label, model)
    check_explainable(model)
    prediction = classifier.classify(source, name, model)
    labels = [top.label for top in prediction.predictions] if label is None else [label]
    picture = decode(source, name, OVERSAMPLING * model.preprocessing.resize_pixels)
    pixels = model.preprocessing.apply(crop_extreme(picture))
    known = {top.label: top.probability for top in prediction.predictions}
    heatmaps = []
    with classifier.engine.torch_network(model, HiResCam) as hirescam:
        results = hirescam(pixels, [model.labels.index(label) for label in labels])
        for label, (probability, heatmap) in zip(labels, results, strict=True):
            heatmaps.append(LabelHeatmap(label, known.get(label, probability), heatmap.tolist()))
            report(len(heatmaps) / len(labels))
    return Explanation(prediction, limit_size(picture), view(model, picture.size), tuple(heatmaps))


def view(model: Model, size: tuple[int, int]) -> View:
    """Returns the part of a picture of a size (width, height) that the model uses."""
    if model.preprocessing.fit == "squash":
        return View(0, 0, 1, 1)
    scale = model.preprocessing.resize_pixels / min(size)
    _, height, width = model.input_shape
    across = min(1, width / (scale * size[0]))
    down = min(1, height / (scale * size[1]))
    return View((1 - across) / 2, (1 - down) / 2, (1 + across) / 2, (1 + down) / 2)


class HiResCam:
    """Computes heatmaps from the gradients of a network. Safe to use from several threads."""

    def __init__(self, network: nn.Module, example: Tensor) -> None:
        self._network = network
        self._device = example.device
        self._thread = threading.local()
        # The hooks are permanent: temporary ones would also run for other threads.
        layers = observed_layers(network, example)
        if not layers:
            raise InputError(
                "This model cannot be explained: no layer of its network keeps the places of the "
                "picture apart. Choose another model."
            )
        for number, layer in enumerate(layers):
            layer.register_forward_hook(self._start if number == 0 else self._record)

    def __call__(self, picture: Tensor, labels: Sequence[int]) -> Iterator[tuple[float, Tensor]]:
        """Yields the probability and the heatmap (side, side) in 0-1 of each label, on the CPU.

        `picture` has the shape (3, height, width), and `labels` are indices of the model's
        labels.
        """
        with torch.enable_grad():
            scores = self._network(picture.unsqueeze(0).to(self._device))[0].log_softmax(0)
        features, self._thread.features = self._thread.features, []
        for label in labels:
            gradients = torch.autograd.grad(scores[label], features, retain_graph=True)
            yield scores[label].exp().item(), _heatmap(features, gradients)

    def _start(self, layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        """Starts the graph at the first observed layer; gradients before it are not needed."""
        first = output.detach().requires_grad_()
        self._thread.features = [first]
        return first.clone()  # the next layer may write into it

    def _record(self, layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        self._thread.features.append(output)
        return output.clone()


def observed_layers(network: nn.Module, example: Tensor) -> list[nn.Module]:
    """Returns the layers whose features make up a heatmap, in the order in which they run.

    In a convolutional network, these are the last layers of each of the coarsest grids: later
    layers know better what is in the picture, and finer grids know better where it is. In a
    transformer, these are all layers of tokens, because each of them can move information
    about a position to the first token.
    """
    found = network_layers.bottlenecks(network, example)
    last = {bottleneck.side: bottleneck.layer for bottleneck in found}
    tokens = [bottleneck.layer for bottleneck in found if bottleneck.is_tokens]
    return tokens or [last[side] for side in sorted(last)[:DEPTHS][::-1]]


def _heatmap(features: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """Averages the heatmaps of all layers, each scaled to the same maximum."""
    contributions = [
        (network_layers.grid(values.detach()) * network_layers.grid(gradient)).sum(0).clamp(min=0)
        for values, gradient in zip(features, gradients, strict=True)
    ]
    finest = max(len(contribution) for contribution in contributions)
    scaled = [
        interpolate(
            (contribution / contribution.max().clamp(min=1e-30))[None, None],
            (finest, finest),
            mode="bilinear",
        )
        for contribution in contributions
    ]
    whole = torch.cat(scaled).mean((0, 1))
    return whole.div(whole.max().clamp(min=1e-30)).cpu()
