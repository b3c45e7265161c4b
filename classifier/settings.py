"""The settings, read once from an environment that is passed in."""

import math
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch

from classifier.errors import SettingError

Value = TypeVar("Value")

PROJECT = Path(__file__).resolve().parent.parent
CUDA_CONCURRENCY = 32  # enough concurrent jobs to fill the batches of a CUDA device
CGROUP_MEMORY = Path("/sys/fs/cgroup/memory.max")
DEVICES = ("auto", "cpu", "cuda")
MODELS = (
    "efficientnet_lite0",
    "tiny",
    "resnet18",
    "alexnet",
    "vgg16",
    "inception_v3",
    "resnet50",
    "mobilenet_v3_large",
    "efficientnet_v2_s",
    "convnext_tiny",
    "vit_b_16",
)


def default_cache() -> Path:
    """Returns the default cache folder, in the temporary folder for users without a home."""
    try:
        return Path.home() / ".cache" / "image-classifier"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / "image-classifier"


@dataclass(frozen=True)
class Settings:
    """The settings of a server.

    `concurrency` jobs run at the same time and `queue_size` more can wait. Each job is held
    for `delay_seconds` first. The loaded models take at most `memory_mb` (2²⁰ bytes) of the
    device's memory. Job results expire after `result_hours`. An upload can have `upload_mb`
    and is deleted within `upload_seconds`.
    """

    images: Path = PROJECT / "images"
    models: tuple[str, ...] = MODELS
    device: str = "auto"
    concurrency: int = 1
    queue_size: int = 100
    delay_seconds: float = 0.0
    memory_mb: int = 2048
    result_hours: float = 24.0
    mcp: bool = True
    upload_mb: int = 256
    upload_seconds: int = 3600
    cache: Path = field(default_factory=default_cache)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the variables CLASSIFIER_…; missing ones have their default values.

        Raises SettingError if a variable has a value that cannot be used.
        """

        def read(
            name: str, convert: Callable[[str], Value], default: Value, expected: str
        ) -> Value:
            variable = f"CLASSIFIER_{name}"
            text = environment.get(variable, "").strip()
            if not text:
                return default
            try:
                return convert(text)
            except ValueError:
                raise SettingError(variable, text, expected) from None

        device = read("DEVICE", _device, cls.device, "one of " + ", ".join(DEVICES))
        cuda = uses_cuda(device)
        concurrency = max(processors(), CUDA_CONCURRENCY) if cuda else processors()
        memory = torch.cuda.mem_get_info()[1] // 2 >> 20 if cuda else memory_mb() // 4
        return cls(
            images=read("IMAGES", _folder, cls.images, "a folder of pictures"),
            models=read("MODELS", _names, cls.models, "names of models, separated by commas"),
            device=device,
            concurrency=read("CONCURRENCY", _count, concurrency, "a whole number from 1 up"),
            queue_size=read("QUEUE_SIZE", _count, cls.queue_size, "a whole number from 1 up"),
            delay_seconds=read("DELAY_SECONDS", _seconds, cls.delay_seconds, "seconds, 0 or more"),
            memory_mb=read("MEMORY_MB", _count, memory, "a whole number from 1 up"),
            result_hours=read("RESULT_HOURS", _hours, cls.result_hours, "hours, more than 0"),
            mcp=read("MCP", _switch, cls.mcp, "1 (on) or 0 (off)"),
            upload_mb=read("UPLOAD_MB", _count, cls.upload_mb, "a whole number from 1 up"),
            upload_seconds=read(
                "UPLOAD_SECONDS", _count, cls.upload_seconds, "a whole number from 1 up"
            ),
            cache=read("CACHE", _folder, default_cache(), "a folder"),
        )


def uses_cuda(device: str) -> bool:
    """Whether models run on a CUDA device."""
    return device != "cpu" and torch.cuda.is_available()


def processors() -> int:
    """Returns the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_mb() -> int:
    """Returns the memory that this process may use, in 2²⁰ bytes; 8192 if it is unknown."""
    limits = [8 << 30]
    if hasattr(os, "sysconf"):
        limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with suppress(OSError, ValueError):  # no control group, or no limit
        limits.append(int(CGROUP_MEMORY.read_text()))
    return min(limits) >> 20


def _folder(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:  # ~name of an unknown user
        raise ValueError from error


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise ValueError
    return names


def _device(text: str) -> str:
    if text not in DEVICES:
        raise ValueError
    return text


def _switch(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError
    return text == "1"


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


def _seconds(text: str) -> float:
    seconds = float(text)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError
    return seconds


def _hours(text: str) -> float:
    hours = _seconds(text)
    if not hours:
        raise ValueError
    return hours
