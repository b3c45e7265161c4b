from dataclasses import replace
from pathlib import Path

import pytest

from classifier.inference.cluster.replica import Resident, fitting, node_settings
from classifier.machine import processors
from classifier.settings import Settings
from tests.support.agreement import classifier_of
from tests.support.small_models import small


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


def test_a_model_that_serve_deletes_leaves_the_memory(tmp_path: Path) -> None:
    model = small(tmp_path)
    classifier = classifier_of(model, tmp_path)
    with classifier.engine.loaded(model):
        resident = Resident(classifier, model)
    assert list(classifier.engine.loaded_megabytes()) == [model.name]

    del resident

    assert classifier.engine.loaded_megabytes() == {}
