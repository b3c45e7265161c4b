"""Loads Tiny ImageNet from its zip files into tensors."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

PIXELS = 64
TRAINING_SHARDS = 5
HELD_BACK_PER_CLASS = 10


class DataError(Exception):
    """Raised if the data folder lacks files that training needs."""


@dataclass(frozen=True)
class Pictures:
    """Pictures and their classes.

    `pixels` is uint8 (N, 3, 64, 64) in RGB order; `classes` is int64 (N,).
    """

    pixels: Tensor
    classes: Tensor

    def __len__(self) -> int:
        return len(self.classes)

    def to(self, device: torch.device) -> "Pictures":
        return Pictures(self.pixels.to(device), self.classes.to(device))

    def batches(self, size: int, generator: torch.Generator) -> Iterator[Tensor]:
        """Yields the indices of each batch of one shuffled epoch.

        An incomplete last batch is left out.
        """
        order = torch.randperm(len(self), generator=generator)
        for start in range(0, len(self) - size + 1, size):
            yield order[start : start + size]


@dataclass(frozen=True)
class Data:
    """Pictures for training, for fitting the temperature and for validation.

    `imagenet_classes[c]` is the index of class `c` among ImageNet's 1,000 classes.
    """

    training: Pictures
    temperature: Pictures
    validation: Pictures
    imagenet_classes: list[int]


def read(folder: Path, cache: Path) -> Data:
    """Loads all pictures. The first call caches the decoded pictures in the folder `cache`.

    Raises DataError if a file is missing.
    """
    names = ["classes.csv", "val.zip", *(f"train-{n}.zip" for n in range(TRAINING_SHARDS))]
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"{folder} lacks {', '.join(missing)}; it must contain Tiny ImageNet in shards"
        )
    with (folder / "classes.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    number = {row["wnid"]: int(row["class"]) for row in rows}
    cache.mkdir(parents=True, exist_ok=True)
    shards = [
        _shard(folder / f"train-{n}.zip", number, cache / f"train-{n}.npz")
        for n in tqdm(range(TRAINING_SHARDS), desc="reading pictures", unit="shard")
    ]
    validation = _shard(folder / "val.zip", number, cache / "val.npz")
    last, held_back = _split(shards[-1], HELD_BACK_PER_CLASS)
    return Data(
        training=_concatenate([*shards[:-1], last]),
        temperature=held_back,
        validation=validation,
        imagenet_classes=[int(row["imagenet_class"]) for row in rows],
    )


def _shard(path: Path, number: dict[str, int], cached: Path) -> Pictures:
    if not cached.is_file():
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
            pixels = numpy.empty((len(names), 3, PIXELS, PIXELS), numpy.uint8)
            for place, name in enumerate(names):
                with Image.open(io.BytesIO(archive.read(name))) as picture:
                    pixels[place] = numpy.asarray(picture.convert("RGB")).transpose(2, 0, 1)
        classes = numpy.array([number[name.split("/")[0]] for name in names], numpy.int64)
        unfinished = cached.with_suffix(".partial.npz")
        numpy.savez(unfinished, pixels=pixels, classes=classes)
        unfinished.replace(cached)
    arrays = numpy.load(cached)
    return Pictures(torch.from_numpy(arrays["pixels"]), torch.from_numpy(arrays["classes"]))


def _split(pictures: Pictures, per_class: int) -> tuple[Pictures, Pictures]:
    chosen = torch.zeros(len(pictures), dtype=torch.bool)
    for number in pictures.classes.unique():
        chosen[(pictures.classes == number).nonzero()[-per_class:, 0]] = True
    return (
        Pictures(pictures.pixels[~chosen], pictures.classes[~chosen]),
        Pictures(pictures.pixels[chosen], pictures.classes[chosen]),
    )


def _concatenate(parts: Iterable[Pictures]) -> Pictures:
    parts = list(parts)
    return Pictures(
        torch.cat([part.pixels for part in parts]),
        torch.cat([part.classes for part in parts]),
    )
