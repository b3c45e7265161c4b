"""The layers of a network at which everything that it knows of a picture is still a grid.

They are found by following the network's own calculation back from its scores, and so in
every architecture: what a name or a class of torchvision's would tell need not be known.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node, saved_tensors_hooks


@dataclass(frozen=True)
class Bottleneck:
    """A layer that all that reaches the scores goes through, and its `side` in places."""

    layer: nn.Module
    side: int
    is_tokens: bool


def side(output: Any) -> int | None:
    """How many places a layer's output has to each side, or None if it is no square grid.

    It is one as (N, channels, side, side), as (N, side, side, channels), or as the tokens of
    a transformer, (N, 1 + side × side, channels), the first of which belongs to no place.
    """
    if not isinstance(output, Tensor):
        return None
    if output.dim() == 4 and output.shape[2] in (output.shape[1], output.shape[3]):
        places = output.shape[2]
    elif output.dim() == 3 and output.shape[1] == 1 + round((output.shape[1] - 1) ** 0.5) ** 2:
        places = round((output.shape[1] - 1) ** 0.5)
    else:
        return None
    return places if places > 1 else None


def grid(output: Tensor) -> Tensor:
    """Such an output of one picture as (channels, side, side)."""
    first = output.squeeze(0)
    if first.dim() == 2:
        places = round((len(first) - 1) ** 0.5)
        return first[1:].T.reshape(-1, places, places)
    return first if first.shape[1] == first.shape[2] else first.movedim(2, 0)


def bottlenecks(network: nn.Module, example: Tensor) -> list[Bottleneck]:
    """The layers that are one, in the order in which they run.

    `example` is an input (1, 3, height, width) of the network, whose parameters need no
    gradients.
    """
    outputs: list[tuple[Bottleneck, Node]] = []
    runs: Counter[nn.Module] = Counter()

    def note(layer: nn.Module, inputs: Any, output: Any) -> None:
        runs[layer] += 1
        if (places := side(output)) and output.grad_fn:
            outputs.append((Bottleneck(layer, places, output.dim() == 3), output.grad_fn))

    hooks = [layer.register_forward_hook(note) for layer in network.modules()]
    try:
        # Only how one result comes from another is kept, none of the results themselves.
        with torch.enable_grad(), saved_tensors_hooks(lambda result: None, lambda kept: kept):
            pixels = example.detach().requires_grad_().clone()
            scores = network(pixels)
    finally:
        for hook in hooks:
            hook.remove()
    return [
        found
        for found, node in outputs
        if runs[found.layer] == 1 and not _leads(scores.grad_fn, pixels.grad_fn, around=node)
    ]


def _leads(end: Node | None, start: Node | None, around: Node) -> bool:
    """Whether a result still depends on another if one between them is not looked at."""
    met, coming = {around}, [end]
    while coming:
        node = coming.pop()
        if node is start:
            return True
        if node and node not in met:
            met.add(node)
            coming += [before for before, _ in node.next_functions]
    return False
