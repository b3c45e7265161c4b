"""What a process may use: control groups of versions 1 and 2, as containers have them."""

from pathlib import Path

import pytest

from classifier import machine
from classifier.machine import memory_mb, processors

ALL = 64


@pytest.fixture(autouse=True)
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with 64 processors, and no limits yet."""
    folder = tmp_path / "groups"
    folder.mkdir()
    monkeypatch.setattr(machine, "CONTROL_GROUPS", folder)
    monkeypatch.setattr(machine, "OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(ALL)))
    return folder


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("100000 100000", 1),
        ("150000 100000", 2),
        ("10000 100000", 1),
        ("1600000 100000", 16),
        ("12800000 100000", ALL),
        ("max 100000", ALL),
        ("nonsense", ALL),
        ("", ALL),
    ],
)
def test_a_container_has_a_share_of_the_processors(groups: Path, limit: str, expected: int) -> None:
    write(groups / "cpu.max", limit)

    assert processors() == expected


@pytest.mark.parametrize(("quota", "expected"), [("100000", 1), ("250000", 3), ("-1", ALL)])
def test_a_container_with_control_groups_of_version_1(
    groups: Path, quota: str, expected: int
) -> None:
    write(groups / "cpu" / "cpu.cfs_quota_us", quota)
    write(groups / "cpu" / "cpu.cfs_period_us", "100000")

    assert processors() == expected


def test_fewer_processors_than_the_share_are_all_used(
    groups: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {3, 5})
    write(groups / "cpu.max", "800000 100000")

    assert processors() == 2


@pytest.mark.parametrize("file", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_container_has_a_share_of_the_memory(groups: Path, file: str) -> None:
    whole = memory_mb()
    assert whole > 1024

    write(groups / file, str(1 << 30))
    assert memory_mb() == 1024
    # How version 1 says that there is no limit.
    write(groups / file, str((1 << 63) - 4096))
    assert memory_mb() == whole
    write(groups / file, "max")
    assert memory_mb() == whole


@pytest.mark.parametrize("own", ["0::/service/app", "4:cpu,cpuacct:/service/app"])
def test_the_groups_around_the_own_one_count(groups: Path, tmp_path: Path, own: str) -> None:
    """As for a service of systemd, which has no container."""
    write(tmp_path / "own", f"12:pids:/other\n{own}")
    if own.startswith("0"):
        write(groups / "service" / "cpu.max", "300000 100000")
        write(groups / "service" / "app" / "cpu.max", "max 100000")
    else:
        write(groups / "cpu" / "service" / "app" / "cpu.cfs_quota_us", "300000")
        write(groups / "cpu" / "service" / "app" / "cpu.cfs_period_us", "100000")

    assert processors() == 3


def test_a_group_of_the_host_is_not_there_in_a_container(groups: Path, tmp_path: Path) -> None:
    write(tmp_path / "own", "0::/../docker/0123456789")
    write(groups / "cpu.max", "200000 100000")

    assert processors() == 2
