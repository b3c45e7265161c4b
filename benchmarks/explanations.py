"""Measures how well heatmap methods show the regions that `tiny` relies on.

`python -m benchmarks.explanations` uses the photographs of a folder for which the top-1
probability of `tiny` is above 30 %. It covers the hottest fifth of the 64 × 64 input pixels with
grey, and then a fifth of the same shape elsewhere. A good heatmap costs the label much
probability in the first case and little in the second.
"""

import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate
from tqdm import tqdm

from benchmarks import material
from benchmarks.arguments import picture_folder, positive
from benchmarks.checks import Parser
from classifier.inference.explanation import HiResCam
from classifier.models import bundled_model
from classifier.pictures.decoding import decode
from classifier.pictures.gallery import Gallery

PART = 0.2
SURE = 0.3
DRAWS = 3
STEPS = 16
PATCH, STRIDE = 16, 8

Method = Callable[[nn.Module, Tensor, int], Tensor]
"""Returns a heatmap (side, side) for a label of a picture (3, height, width)."""


def features(network: nn.Module, picture: Tensor, label: int) -> tuple[Tensor, Tensor]:
    """Returns the last features and the gradient of the label's score, both (C, side, side)."""
    seen = network.get_submodule("features")(picture[None]).detach().requires_grad_()
    pooled = network.get_submodule("pool")(seen).flatten(1)
    score = network.get_submodule("classifier")(pooled)[0, label]
    return seen.detach()[0], torch.autograd.grad(score, seen)[0][0]


def grad_cam(network: nn.Module, picture: Tensor, label: int) -> Tensor:
    """Selvaraju et al. (2017). After the last layer of `tiny`, HiResCAM gives the same result."""
    seen, gradient = features(network, picture, label)
    return (seen * gradient.mean((1, 2), keepdim=True)).sum(0)


def layer_cam(network: nn.Module, picture: Tensor, label: int) -> Tensor:
    """Jiang et al. (2021)."""
    seen, gradient = features(network, picture, label)
    return (seen * gradient.clamp(min=0)).sum(0)


def integrated_gradients(network: nn.Module, picture: Tensor, label: int) -> Tensor:
    """Sundararajan et al. (2017), starting from grey.

    The result is smoothed, because single pixels say little.
    """
    parts = (torch.arange(STEPS) + 0.5) / STEPS
    pictures = (parts[:, None, None, None] * picture).requires_grad_()
    scores = network(pictures).log_softmax(1)[:, label].sum()
    owed = torch.autograd.grad(scores, pictures)[0].mean(0) * picture
    smooth: Tensor = avg_pool2d(owed.sum(0)[None, None], 9, 1, 4)
    return smooth[0, 0]


def occlusion(network: nn.Module, picture: Tensor, label: int) -> Tensor:
    """Zeiler and Fergus (2014): covers one square after another and measures the loss."""
    size = picture.shape[1]
    starts = range(-PATCH // 2, size - PATCH // 2 + 1, STRIDE)
    masks = torch.zeros(len(starts) ** 2, size, size)
    for number, mask in enumerate(masks):
        top, left = starts[number // len(starts)], starts[number % len(starts)]
        mask[max(0, top) : top + PATCH, max(0, left) : left + PATCH] = 1
    with torch.inference_mode():
        scores = network(picture * (1 - masks[:, None])).log_softmax(1)[:, label]
    lost: Tensor = -(scores[:, None, None] * masks).sum(0) / masks.sum(0)
    return lost


def middle(network: nn.Module, picture: Tensor, label: int) -> Tensor:
    """Always marks the middle, where objects often are: a baseline for the methods."""
    line = torch.linspace(-1, 1, picture.shape[1])
    return -(line[:, None] ** 2 + line**2)


def fifth(heat: Tensor, size: int) -> Tensor:
    """Returns a mask (size, size) that is 1 in the hottest fifth of the picture."""
    smooth = interpolate(heat[None, None], (size, size), mode="bilinear").flatten()
    mask = torch.zeros(size * size)
    mask[smooth.sort(descending=True, stable=True).indices[: round(PART * len(mask))]] = 1
    return mask.reshape(size, size)


def losses(network: nn.Module, picture: Tensor, label: int, heat: Tensor) -> tuple[float, float]:
    """Returns the probability lost by covering the hottest fifth, and a fifth elsewhere."""
    size = picture.shape[1]
    mask = fifth(heat, size)
    shifts = torch.randint(size // 8, size - size // 8, (DRAWS, 2)).tolist()
    masks = [torch.zeros_like(mask), mask, *(mask.roll(tuple(by), (0, 1)) for by in shifts)]
    with torch.inference_mode():
        shown = torch.stack([picture * (1 - covered) for covered in masks])
        before, after, *others = network(shown).softmax(1)[:, label].tolist()
    return before - after, before - sum(others) / len(others)


def main() -> None:
    parser = Parser(prog="python -m benchmarks.explanations", description=__doc__)
    parser.add_argument("folder", type=picture_folder, nargs="?", default="../shared/data/photos")
    parser.add_argument(
        "--every", type=positive(int), default=1, help="use one in EVERY photographs"
    )
    arguments = parser.parse_args()
    folder = arguments.folder
    model = bundled_model.load()
    network = material.eager(model).requires_grad_(False)
    evidence = HiResCam(
        material.eager(model).requires_grad_(False), torch.zeros(1, *model.input_shape)
    )

    def ours(network: nn.Module, picture: Tensor, label: int) -> Tensor:
        return next(evidence(picture, [label]))[1]

    methods: dict[str, Method] = {
        "HiResCAM at three depths": ours,
        "Grad-CAM, HiResCAM at the last layer": grad_cam,
        "LayerCAM at the last layer": layer_cam,
        "integrated gradients": integrated_gradients,
        "occlusion": occlusion,
        "the middle": middle,
    }
    torch.manual_seed(0)
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in methods}
    seconds = dict.fromkeys(methods, 0.0)
    for name in tqdm(Gallery(folder).names()[:: arguments.every], "photographs"):
        picture = model.preprocessing.apply(decode(folder / name, name))
        with torch.inference_mode():
            probability, label = network(picture[None]).softmax(1)[0].max(0)
        if probability < SURE:
            continue
        for title, method in methods.items():
            begin = time.perf_counter()
            heat = method(network, picture, int(label))
            seconds[title] += time.perf_counter() - begin
            found[title].append(losses(network, picture, int(label), heat))

    count = len(found["the middle"])
    if not count:
        sys.exit(f"The top-1 probability of `tiny` is not above {SURE:.0%} for any photograph.")
    print(f"{count} photographs\n")
    print("| method | loss, hottest fifth | loss, elsewhere | hottest costs more | time |")
    print("|---|---:|---:|---:|---:|")
    for title, pairs in found.items():
        hottest, elsewhere = (100 * sum(column) / count for column in zip(*pairs, strict=True))
        more = sum(here > there for here, there in pairs) / count
        cells = [f"{hottest:.1f}", f"{elsewhere:.1f}", f"{more:.0%}"]
        print(f"| {title} | {' | '.join(cells)} | {1000 * seconds[title] / count:.0f} ms |")


if __name__ == "__main__":
    main()
