"""Measures the processor's peak with a matrix product, and counts a model's operations."""

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import material
from classifier.machine import processors
from classifier.models.model import Model

SIDE = 2048


def peak(seconds: float = 2.0) -> float:
    """Returns 10⁹ operations per second of a large float32 matrix product on all processors."""
    torch.set_num_threads(processors())
    left, right = torch.randn(2, SIDE, SIDE)
    left @ right  # warm up
    done, begin = 0, time.perf_counter()
    while (passed := time.perf_counter() - begin) < seconds:
        left @ right
        done += 1
    return done * 2 * SIDE**3 / passed / 1e9


def operations(model: Model) -> float:
    """Returns the network's operations for a picture, in 10⁹.

    A multiplication and an addition count as two operations.
    """
    network = material.eager(model)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, *model.input_shape))
    total: int = counter.get_total_flops()
    return total / 1e9
