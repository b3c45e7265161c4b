from dataclasses import replace
from pathlib import Path

import pytest

from classifier.inference.cluster.replica import fitting, node_settings
from classifier.machine import processors
from classifier.settings import Settings


@pytest.mark.parametrize(
    ("megabytes", "memory", "count"),
    [
        ((10, 500, 300), 1000, 3),
        ((10, 500, 300), 800, 2),
        ((10, 500, 300), 500, 1),
        ((10, 500, 300), 5, 1),
        ((), 1000, 1),
    ],
)
def test_so_many_models_always_fit_into_the_memory(
    megabytes: tuple[float, ...], memory: int, count: int
) -> None:
    assert fitting(megabytes, memory) == count


def test_a_replica_uses_the_cache_and_its_share_of_the_memory_of_its_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLASSIFIER_CACHE", str(tmp_path / "here"))
    monkeypatch.setenv("CLASSIFIER_MEMORY_MB", "100")
    server = replace(Settings(), cache=tmp_path / "there", memory_mb=5, device="cpu")

    own = node_settings(server)

    assert own.cache == tmp_path / "here"
    assert own.memory_mb == 100 // processors()
    assert own.concurrency == 1
    assert own.device == "cpu"
