"""Fixtures that tests of several rooms share."""

import io
import os
from collections.abc import Iterator

# Before torch is imported: the tests run in several processes, which share the processors.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from torchvision.models import resnet18

from tests.support.exports import delete_exports
from tests.support.weight_server import WeightServer, serving

pytest_plugins = ["tests.support.server", "tests.support.postgres"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Deletes what the processes of a test run share, when the last of them has ended."""
    if not hasattr(session.config, "workerinput"):
        delete_exports()


@pytest.fixture
def weight_server() -> Iterator[WeightServer]:
    """A server of weights on this machine, a new one for each test."""
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def weights() -> bytes:
    """A file of weights for resnet18, with random values."""
    content = io.BytesIO()
    torch.save(resnet18(weights=None).state_dict(), content)
    return content.getvalue()
