"""The settings, read once from an environment that is passed in."""

import logging
import math
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import torch

from classifier.errors import SettingError
from classifier.logs import Format
from classifier.machine import memory_mb, processors

log = logging.getLogger(__name__)

Value = TypeVar("Value")

# The gallery is next to the package in the project, and elsewhere if the package is installed.
INSTALLED_IMAGES = Path(sys.prefix, "share", "image-classifier", "images")
PROJECT = Path(__file__).resolve().parent.parent
IMAGES = PROJECT / "images" if (PROJECT / "images").is_dir() else INSTALLED_IMAGES
CUDA_CONCURRENCY = 32  # enough concurrent jobs to fill the batches of a CUDA device
MAX_PORT = 65535
POSTGRES_URL = "postgresql://user:password@host/database"
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
        return temporary_cache()


def temporary_cache() -> Path:
    """Returns the cache folder of users whose home cannot be written."""
    user = os.getuid() if hasattr(os, "getuid") else ""
    return Path(tempfile.gettempdir(), f"image-classifier-{user}")


@dataclass(frozen=True)
class Settings:
    """The settings of a server.

    `concurrency` jobs run at the same time, or with 0 as many as the cluster can take, and
    `queue_size` more can wait. With `fair_shares`, one caller can use only a part of the queue.
    Each job is held for `delay_seconds` first. The loaded models take at most `memory_mb` (2²⁰
    bytes) of the device's memory. Job results expire after `result_hours`. An upload can have
    `upload_mb` and is deleted within `upload_seconds`. Models run on the Ray cluster with the
    address `cluster`; "" is this process. Jobs are kept in the PostgreSQL database `jobs_url`; ""
    is a file in the cache. Without `deploy`, somebody else starts the replicas on the cluster.
    The log has the format `log`. `server_name` is the address to serve at,
    without brackets; "" is this machine only. Without a `server_port`, a free one from 7860 up
    is used.
    """

    images: Path = IMAGES
    models: tuple[str, ...] = MODELS
    device: str = "auto"
    concurrency: int = 1
    queue_size: int = 100
    delay_seconds: float = 0.0
    memory_mb: int = 2048
    fair_shares: bool = True
    result_hours: float = 24.0
    mcp: bool = True
    upload_mb: int = 256
    upload_seconds: int = 3600
    cache: Path = field(default_factory=default_cache)
    log: Format = "text"
    cluster: str = ""
    deploy: bool = True
    jobs_url: str = field(default="", repr=False)  # it can contain a password
    server_name: str = ""
    server_port: int | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the variables CLASSIFIER_…, GRADIO_SERVER_NAME and GRADIO_SERVER_PORT.

        Missing ones have their default values.

        Raises SettingError if a variable has a value that cannot be used.
        """

        def read(
            name: str,
            convert: Callable[[str], Value],
            default: Value,
            expected: str,
            prefix: str = "CLASSIFIER_",
            shown: Callable[[str], str] = str,
        ) -> Value:
            variable = f"{prefix}{name}"
            text = environment.get(variable, "").strip()
            if not text:
                return default
            try:
                return convert(text)
            except ValueError:
                raise SettingError(variable, shown(text), expected) from None

        device = read("DEVICE", _device, cls.device, "one of " + ", ".join(DEVICES))
        cuda = uses_cuda(device)
        concurrency = max(processors(), CUDA_CONCURRENCY) if cuda else processors()
        cluster = read("CLUSTER", str, cls.cluster, "a Ray address, auto or local")
        if cluster:
            concurrency = 0
        memory = torch.cuda.mem_get_info()[1] // 2 >> 20 if cuda else memory_mb() // 4
        return cls(
            images=read("IMAGES", _folder, cls.images, "a folder of pictures"),
            models=read("MODELS", _names, cls.models, "names of models, separated by commas"),
            device=device,
            concurrency=read("CONCURRENCY", _count, concurrency, "a whole number from 1 up"),
            queue_size=read("QUEUE_SIZE", _count, cls.queue_size, "a whole number from 1 up"),
            delay_seconds=read("DELAY_SECONDS", _seconds, cls.delay_seconds, "seconds, 0 or more"),
            memory_mb=read("MEMORY_MB", _count, memory, "a whole number from 1 up"),
            fair_shares=read("FAIR_SHARES", _switch, cls.fair_shares, "1 (on) or 0 (off)"),
            result_hours=read("RESULT_HOURS", _hours, cls.result_hours, "hours, more than 0"),
            mcp=read("MCP", _switch, cls.mcp, "1 (on) or 0 (off)"),
            upload_mb=read("UPLOAD_MB", _count, cls.upload_mb, "a whole number from 1 up"),
            upload_seconds=read(
                "UPLOAD_SECONDS", _count, cls.upload_seconds, "a whole number from 1 up"
            ),
            cache=read("CACHE", _folder, default_cache(), "a folder"),
            log=read("LOG", _log_format, cls.log, "text or json"),
            cluster=cluster,
            deploy=read("DEPLOY", _switch, cls.deploy, "1 (on) or 0 (off)"),
            jobs_url=read(
                "JOBS_URL",
                _postgres_url,
                cls.jobs_url,
                f"an address like {POSTGRES_URL}",
                shown=without_secrets,
            ),
            server_name=environment.get("GRADIO_SERVER_NAME", "").strip().strip("[]"),
            server_port=read(
                "GRADIO_SERVER_PORT", _port, None, "a port from 1 to 65535", prefix=""
            ),
        )

    def with_writable_cache(self) -> "Settings":
        """Returns the settings with a cache folder that exists and can be written.

        If the home of the user cannot be written, the folder is in the one for temporary files,
        and a warning says so. Raises SettingError if CLASSIFIER_CACHE cannot be written.
        """
        if _is_writable(self.cache):
            return self
        if self.cache != default_cache():
            raise SettingError("CLASSIFIER_CACHE", str(self.cache), "a folder that can be written")
        folder = temporary_cache()
        if not _is_writable(folder) or not _is_own(folder):
            raise SettingError(
                "CLASSIFIER_CACHE", "", "a folder that can be written, because the home cannot"
            )
        log.warning(
            "%s cannot be written. The cache is in %s; set CLASSIFIER_CACHE to keep it elsewhere.",
            self.cache,
            folder,
        )
        return replace(self, cache=folder)


def without_secrets(url: str) -> str:
    """Returns only the beginning of an address, for messages: the rest can be a password."""
    scheme, separator, _ = url.partition("://")
    return f"{scheme}://…" if separator else "…"


def uses_cuda(device: str) -> bool:
    """Whether models run on a CUDA device."""
    return device != "cpu" and torch.cuda.is_available()


def _folder(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:  # ~name of an unknown user
        raise ValueError from error


def _is_writable(folder: Path) -> bool:
    """Whether files can be written to a folder; it is created if necessary."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _is_own(folder: Path) -> bool:
    """Whether the folder belongs to this user, and not to somebody who made it in advance."""
    return not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise ValueError
    return names


def _device(text: str) -> str:
    if text not in DEVICES:
        raise ValueError
    return text


def _postgres_url(text: str) -> str:
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError
    return text


def _log_format(text: str) -> Format:
    match text:
        case "text" | "json":
            return text
    raise ValueError


def _switch(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError
    return text == "1"


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


def _port(text: str) -> int | None:
    port = _count(text)
    if port > MAX_PORT:
        raise ValueError
    return port


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
