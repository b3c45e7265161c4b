"""Fixtures of the tests of the formats of one's own models."""

from collections.abc import Callable
from pathlib import Path

import pytest

from classifier.models import catalogue
from classifier.models.model import Model
from tests.support.hub_server import HubServer

Find = Callable[[Path], Model]


@pytest.fixture(params=["folder", "hub"])
def find(request: pytest.FixtureRequest, hub_server: HubServer) -> Find:
    """Finds the model whose files are in a folder: there, or in a repository on the hub."""

    def find(folder: Path) -> Model:
        if request.param == "folder":
            return catalogue.find(str(folder))
        hub_server.add("me/flowers", folder)
        return catalogue.find("hf-hub:me/flowers")

    return find
