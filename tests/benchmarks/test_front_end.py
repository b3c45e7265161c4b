import pytest

from benchmarks.front_end import kind, package


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ("call (/app/.venv/lib/python3.11/site-packages/starlette/routing.py:75)", "starlette"),
        ("run (/usr/lib/python3.11/asyncio/base_events.py:640)", "asyncio"),
        ("dumps (/usr/lib/python3.11/json/__init__.py:231)", "json"),
        ("ask (/app/classifier/inference/cluster/backend.py:170)", "classifier"),
        ("spin (<string>:1)", "other"),
    ],
)
def test_the_innermost_function_names_the_package(frame: str, name: str) -> None:
    assert package(f"main (/app/app.py:9);{frame}") == name


@pytest.mark.parametrize(
    ("pid", "command", "name"),
    [
        (7, "python app.py", "server"),
        (8, "python -m classifier.inference.cluster", "link"),
        (9, "ray::ServeReplica:image-classifier:Replica", "cluster"),
        (9, "/app/lib/ray/core/src/ray/raylet/raylet --port=1", "cluster"),
        (9, "python -m benchmarks.load", "other"),
    ],
)
def test_processes_are_told_apart(pid: int, command: str, name: str) -> None:
    assert kind(pid, command, server=7) == name
