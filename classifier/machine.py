"""What this process may use of its machine: processors and memory."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

CONTROL_GROUPS = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")
UNKNOWN_MEMORY = 8 << 30


def processors() -> int:
    """Returns the number of processors that this process may use, rounded up.

    A container can have a share of the processors (`docker run --cpus=1.5`) although it sees all.
    """
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    shares = [*_processor_shares()]
    return max(1, min([count, *(math.ceil(share) for share in shares)]))


def memory_mb() -> int:
    """Returns the memory that this process may use, in 2²⁰ bytes; 8192 if it is unknown."""
    limits = [UNKNOWN_MEMORY]
    if hasattr(os, "sysconf"):
        limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limits += [limit for (limit,) in _numbers(name)]
    return min(limits) >> 20


def _processor_shares() -> Iterator[float]:
    """Yields the limits of all control groups, in processors."""
    for quota, period in _numbers("cpu.max"):
        yield quota / period
    quotas, periods = (_numbers(f"cpu/cpu.cfs_{kind}_us") for kind in ("quota", "period"))
    for (quota,), (period,) in zip(quotas, periods, strict=False):
        yield quota / period


def _numbers(name: str) -> Iterator[list[int]]:
    """Yields the numbers in a file of all groups that this process belongs to.

    `name` is the file of version 2 of control groups, or the controller and the file of version 1.
    Files without a limit ("max", or a negative number) are left out.
    """
    controller, _, file = name.rpartition("/")
    for folder in _groups(controller):
        with suppress(OSError, ValueError):
            numbers = [int(part) for part in (folder / file).read_text().split()]
            if numbers and min(numbers) > 0:
                yield numbers


def _groups(controller: str) -> Iterator[Path]:
    """Yields the folder of this process's group, and those of the groups around it."""
    root = CONTROL_GROUPS / controller
    own = ""
    with suppress(OSError):
        for line in OWN_GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller in controllers.split(","):
                own = path.strip("/")
    # In a container, the file can name a path of the host, which does not exist in here.
    group = root / own
    yield group
    while group != root:
        group = group.parent
        yield group
