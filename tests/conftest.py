"""What the tests of several modules share."""

from collections.abc import Iterator

import pytest

from tests.weight_server import WeightServer, serving

pytest_plugins = ["tests.serving"]


@pytest.fixture
def weight_server() -> Iterator[WeightServer]:
    """A server of files of weights on this machine, new for each test."""
    with serving() as server:
        yield server
