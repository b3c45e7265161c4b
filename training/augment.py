"""Random augmentation of a batch of pictures, on the device that holds the batch."""

import math
import random

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

# ImageNet's channel means and standard deviations, as torchvision's own weights use them.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def normalise(pixels: Tensor) -> Tensor:
    """Returns uint8 pictures (N, 3, height, width) as normalised floats of the same shape."""
    mean = torch.tensor(MEAN, device=pixels.device).view(3, 1, 1) * 255
    deviation = torch.tensor(DEVIATION, device=pixels.device).view(3, 1, 1) * 255
    return ((pixels.float() - mean) / deviation).contiguous(memory_format=torch.channels_last)


def mirrored(pixels: Tensor) -> Tensor:
    """Mirrors each picture of (N, 3, height, width) with a probability of one half."""
    turned = torch.rand(len(pixels), 1, 1, 1, device=pixels.device) < 0.5
    return torch.where(turned, pixels.flip(3), pixels)


def shifted(pixels: Tensor, farthest: int) -> Tensor:
    """Shifts each picture of (N, 3, height, width) by up to `farthest` pixels each way.

    The edge is filled with the mirrored picture. Nothing is resized, so nothing is blurred.
    """
    count, _, height, width = pixels.shape
    padded = pad(pixels.float(), [farthest] * 4, mode="reflect")
    top, left = torch.randint(2 * farthest + 1, (2, count, 1), device=pixels.device)
    return _windows(padded, top, left, height, width)


def random_crops(pixels: Tensor, size: int, smallest: float, chance: random.Random) -> Tensor:
    """Returns random resized crops of uint8 (N, 3, height, width) as (N, 3, size, size).

    The area and aspect ratio are drawn once for the whole batch, the position once for
    each picture. The batch then needs a single resize, which takes a tenth of the time
    of resizing each picture separately.
    """
    count, _, height, width = pixels.shape
    area = chance.uniform(smallest, 1.0)
    ratio = math.exp(chance.uniform(-math.log(4 / 3), math.log(4 / 3)))
    tall = min(height, round(height * math.sqrt(area / ratio)))
    wide = min(width, round(width * math.sqrt(area * ratio)))
    device = pixels.device
    top = torch.randint(height - tall + 1, (count, 1), device=device)
    left = torch.randint(width - wide + 1, (count, 1), device=device)
    crops = _windows(pixels, top, left, tall, wide)
    if device.type != "cpu":  # only the CPU has an antialiased uint8 kernel
        crops = crops.float()
    return interpolate(crops, (size, size), mode="bilinear", antialias=True)


def _windows(pixels: Tensor, top: Tensor, left: Tensor, tall: int, wide: int) -> Tensor:
    """Cuts a window out of each of N pictures, starting at `top` and `left`, both (N, 1)."""
    picture = torch.arange(len(pixels), device=pixels.device).view(-1, 1, 1)
    rows = top + torch.arange(tall, device=pixels.device)
    columns = left + torch.arange(wide, device=pixels.device)
    parts = pixels.permute(0, 2, 3, 1)[picture, rows[:, :, None], columns[:, None, :]]
    return parts.permute(0, 3, 1, 2)
