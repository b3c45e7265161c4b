"""How much of the processor's peak is used: the work of a model against a matrix product."""

import time

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import material
from classifier.catalog import Model
from classifier.settings import processors

SIDE = 2048


def peak(seconds: float = 2.0) -> float:
    """Operations a second (10⁹) of a large product of float32 matrices on all processors."""
    torch.set_num_threads(processors())
    left, right = torch.randn(2, SIDE, SIDE)
    left @ right  # warm
    done, begin = 0, time.perf_counter()
    while (passed := time.perf_counter() - begin) < seconds:
        left @ right
        done += 1
    return done * 2 * SIDE**3 / passed / 1e9


def operations(model: Model) -> float:
    """Operations (10⁹, a multiplication and an addition are two) of a network for a picture."""
    network = material.eager(model)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.zeros(1, 3, model.pixels, model.pixels))
    total: int = counter.get_total_flops()
    return total / 1e9
