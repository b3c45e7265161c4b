"""Fixtures of the tests of models."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hub_server import HubServer, serving_hub


@pytest.fixture
def hub_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A server that speaks the protocol of the Hugging Face Hub, with an empty cache."""
    with serving_hub(tmp_path / "hub-cache", monkeypatch) as server:
        yield server
