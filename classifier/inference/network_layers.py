"""Finds the layers of a network whose output is still a grid of positions in the picture.

The search follows the network's own calculation back from its scores. It therefore works for
every architecture and does not depend on names or classes of layers.
"""

from collections import Counter
from dataclasses import dataclass
from math import isqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import Node, saved_tensors_hooks

MAX_OTHERS = 5  # a token of the class, and four registers


@dataclass(frozen=True)
class Bottleneck:
    """A layer that all information passes through, with a grid of `side` × `side` positions."""

    layer: nn.Module
    side: int
    is_tokens: bool


def side(output: Any) -> int | None:
    """Returns the number of positions along each side of a layer's output.

    Returns None if the output is not a square grid. Grids have the shape
    (N, channels, side, side) or (N, side, side, channels), or are the tokens of a transformer
    (N, others + side × side, channels), where up to MAX_OTHERS tokens at the beginning have no
    position.
    """
    if not isinstance(output, Tensor):
        return None
    if output.dim() == 4 and output.shape[2] in (output.shape[1], output.shape[3]):
        positions = output.shape[2]
    elif output.dim() == 3 and output.shape[1] - isqrt(output.shape[1]) ** 2 <= MAX_OTHERS:
        positions = isqrt(output.shape[1])
    else:
        return None
    return positions if positions > 1 else None


def grid(output: Tensor) -> Tensor:
    """Reshapes such an output for one picture to (channels, side, side)."""
    first = output.squeeze(0)
    if first.dim() == 2:
        positions = isqrt(len(first))
        return first[len(first) - positions**2 :].T.reshape(-1, positions, positions)
    return first if first.shape[1] == first.shape[2] else first.movedim(2, 0)


def bottlenecks(network: nn.Module, example: Tensor) -> list[Bottleneck]:
    """Returns the bottlenecks of a network in the order in which they run.

    `example` is an input (1, 3, height, width). The parameters of the network do not need
    gradients.
    """
    outputs: list[tuple[Bottleneck, Node]] = []
    runs: Counter[nn.Module] = Counter()

    def record(layer: nn.Module, inputs: Any, output: Any) -> None:
        runs[layer] += 1
        if (positions := side(output)) and output.grad_fn:
            outputs.append((Bottleneck(layer, positions, output.dim() == 3), output.grad_fn))

    hooks = [layer.register_forward_hook(record) for layer in network.modules()]
    try:
        # Keep only the graph of the calculation, and none of its intermediate results.
        with torch.enable_grad(), saved_tensors_hooks(lambda result: None, lambda kept: kept):
            pixels = example.detach().requires_grad_().clone()
            scores = network(pixels)
    finally:
        for hook in hooks:
            hook.remove()
    return [
        found
        for found, node in outputs
        if runs[found.layer] == 1 and not _depends(scores.grad_fn, pixels.grad_fn, around=node)
    ]


def _depends(end: Node | None, start: Node | None, around: Node) -> bool:
    """Whether `end` depends on `start` by a path that does not pass through `around`."""
    visited, queue = {around}, [end]
    while queue:
        node = queue.pop()
        if node is start:
            return True
        if node and node not in visited:
            visited.add(node)
            queue += [previous for previous, _ in node.next_functions]
    return False
