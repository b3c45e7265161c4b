"""Writes the weights of a trained network, its model card and the card's diagram."""

import json
from pathlib import Path

import matplotlib.pyplot as plot
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from training.data import PIXELS
from training.evaluate import BINS, reliability

CARD = Path(__file__).with_name("card.md")


def write_weights(
    network: nn.Module, temperature: float, accuracy: float, classes: list[int], file: Path
) -> None:
    """Writes half-precision weights, with the last layer divided by the temperature.

    The header holds the facts that the catalogue needs. `classes` are indices of ImageNet's
    1,000 classes; the catalogue derives the labels from them.
    """
    state = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in network.state_dict().items()
    }
    for name in ("classifier.weight", "classifier.bias"):
        state[name] /= temperature
    facts = {
        "accuracy": round(accuracy, 4),
        "imagenet_classes": classes,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "pixels": PIXELS,
    }
    halved = {
        name: value.half() if value.is_floating_point() else value for name, value in state.items()
    }
    save_file(halved, file, {"facts": json.dumps(facts)})
    file.chmod(0o644)  # safetensors makes the file readable by its owner only


def write_card(numbers: dict[str, str], file: Path) -> None:
    """Writes the model card: the template `card.md` with the numbers filled in."""
    text = CARD.read_text(encoding="utf-8")
    for name, number in numbers.items():
        text = text.replace(f"{{{name}}}", number)
    file.write_text(text, encoding="utf-8")


def draw_reliability(scores: Tensor, classes: Tensor, file: Path) -> None:
    """Draws the reliability diagram: accuracy against top-1 probability, in bins."""
    share, claimed, true = reliability(scores, classes)
    middles = (torch.arange(BINS) + 0.5) / BINS
    figure, (top, bottom) = plot.subplots(
        2, figsize=(4.5, 5), sharex=True, height_ratios=(3, 1), layout="constrained"
    )
    top.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
    filled = share > 0
    top.plot(claimed[filled], true[filled], marker="o", color="#4f46e5")
    top.set(ylabel="right", xlim=(0, 1), ylim=(0, 1))
    bottom.bar(middles, share, width=0.9 / BINS, color="#4f46e5")
    bottom.set(xlabel="probability of the first label", ylabel="pictures")
    figure.savefig(file, dpi=110)
    plot.close(figure)
