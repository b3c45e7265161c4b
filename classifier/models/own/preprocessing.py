"""preprocessing.json: how a picture becomes the input of a network.

All keys are optional. docs/your-own-model.md describes them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.functional import center_crop, pil_to_tensor

from classifier.errors import ModelError, show
from classifier.models.model import Preprocessing
from classifier.models.own.files import Files

FILE = "preprocessing.json"
MAX_PIXELS = 4096
INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
CHANNELS = {"RGB": 3, "BGR": 3, "L": 1}
LAYOUTS = ("NCHW", "NHWC", "flat")
OUTPUTS = ("scores", "probabilities")
# The mean and standard deviation of ImageNet's pictures, which most networks were trained with.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KEYS = (
    "size",
    "resize",
    "crop",
    "interpolation",
    "channels",
    "range",
    "mean",
    "std",
    "layout",
    "output",
)


@dataclass(frozen=True)
class Steps:
    """The steps of a preprocessing; `size` is (height, width) in pixels.

    The shorter side is resized to `resize`, or the whole picture to `size` if that is None. Then
    the middle is cut out. Values from 0 to `range` are normalised with `mean` and `std`.
    """

    size: tuple[int, int]
    resize: int | None
    interpolation: Image.Resampling
    channels: str
    range: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, picture: Image.Image) -> Tensor:
        """Returns the input of the network, (channels, height, width)."""
        height, width = self.size
        if self.resize is None:
            resized = picture.resize((width, height), self.interpolation)
        else:
            # torchvision and timm round the longer side down, too.
            sides = [int(self.resize * side / min(picture.size)) for side in picture.size]
            resized = picture.resize((sides[0], sides[1]), self.interpolation)
            resized = center_crop(resized, [height, width])
        if self.channels == "L":
            resized = resized.convert("L")
        pixels = pil_to_tensor(resized) / 255 * self.range
        if self.channels == "BGR":
            pixels = pixels.flip(0)
        mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (self.mean, self.std))
        normalised: Tensor = (pixels - mean) / std
        return normalised


def read(
    files: Files, size: tuple[int, int] | None = None, channels: int | None = None
) -> Preprocessing:
    """Returns the preprocessing of a model, with defaults for what its file does not say.

    `size` (height, width) and `channels` are those of the network's input, if it says them.
    Raises ModelError if the file contains other keys, or values that make no sense.
    """
    values = options(files)
    where = files.location(FILE)

    def wrong(key: str, expected: str) -> ModelError:
        return ModelError(f"{where} has {key} {show(values[key])}; expected {expected}.")

    found = _size(values.get("size"))
    if found is None and "size" in values:
        raise wrong("size", f"pixels from 1 to {MAX_PIXELS}, or a list of height and width")
    if found and size and found != size:
        raise wrong("size", f"{list(size)}, the input of the network")
    height, width = found or size or (224, 224)

    kind = values.get("channels", "RGB" if channels in (None, 3) else "L")
    if kind not in CHANNELS or (channels and CHANNELS[kind] != channels):
        raise wrong("channels", "RGB, BGR or L" + (f" with {channels} channels" * bool(channels)))
    crop = values.get("crop", True)
    if not isinstance(crop, bool) and not (_is_number(crop) and 0 < crop <= 1):
        raise wrong("crop", "true, false to resize the whole picture, or the fraction to keep")
    is_cropped = crop is not False
    resize = values.get("resize", int(min(height, width) / (crop or 1)))
    is_whole = isinstance(resize, int) and not isinstance(resize, bool)
    if not is_whole or not min(height, width) <= resize <= MAX_PIXELS:
        raise wrong("resize", f"pixels from {min(height, width)} to {MAX_PIXELS}")
    interpolation = values.get("interpolation", "bilinear")
    if not isinstance(interpolation, str) or interpolation not in INTERPOLATIONS:
        raise wrong("interpolation", "one of " + ", ".join(INTERPOLATIONS))
    largest = values.get("range", 1)
    if not _is_number(largest) or largest <= 0:
        raise wrong("range", "the largest value of a pixel, such as 1 or 255")
    mean = _numbers(values.get("mean", _default(MEAN, largest, kind)), CHANNELS[kind])
    std = _numbers(values.get("std", _default(STD, largest, kind)), CHANNELS[kind])
    if mean is None:
        raise wrong("mean", f"a number or a list of {CHANNELS[kind]}")
    if max(mean) > largest:
        raise wrong("mean", f"at most {largest}, the range of the pixels; see the key range")
    if std is None or 0 in std:
        raise wrong("std", f"a number other than 0 or a list of {CHANNELS[kind]}")
    steps = Steps(
        (height, width),
        resize if is_cropped else None,
        INTERPOLATIONS[interpolation],
        kind,
        float(largest),
        mean,
        std,
    )
    return Preprocessing(
        steps,
        resize if is_cropped else max(height, width),
        "crop" if is_cropped else "squash",
    )


def options(files: Files) -> dict[str, Any]:
    """Returns the content of the file. Raises ModelError if it has unknown keys or values."""
    values = files.json(FILE) or {}
    where = files.location(FILE)
    for key in values:
        if key not in KEYS:
            raise ModelError(f"{where} has the key {show(key)}; expected {', '.join(KEYS)}.")
    for key, valid in (("layout", LAYOUTS), ("output", OUTPUTS)):
        if key in values and values[key] not in valid:
            raise ModelError(
                f"{where} has {key} {show(values[key])}; expected {' or '.join(valid)}."
            )
    return values


def _size(value: Any) -> tuple[int, int] | None:
    sides = value if isinstance(value, list) else [value, value]
    if len(sides) != 2 or not all(
        isinstance(side, int) and not isinstance(side, bool) and 1 <= side <= MAX_PIXELS
        for side in sides
    ):
        return None
    return sides[0], sides[1]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    values = value if isinstance(value, list) else [value] * count
    if len(values) != count or not all(_is_number(one) for one in values):
        return None
    return tuple(float(one) for one in values)


def _default(values: Sequence[float], largest: float, channels: str) -> list[float]:
    """Returns ImageNet's statistics for pixels from 0 to `largest`, in the order of channels."""
    scaled = [value * largest for value in values]
    if channels == "L":
        return [sum(scaled) / len(scaled)]
    return scaled[::-1] if channels == "BGR" else scaled
