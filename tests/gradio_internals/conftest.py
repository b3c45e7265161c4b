"""An app whose queue is open, but which is not served."""

from pathlib import Path

import pytest

from classifier.server.app import App
from classifier.settings import Settings
from tests.support.server import run


@pytest.fixture
def app(tmp_path: Path) -> App:
    async def create() -> App:
        # Inside an event loop: Gradio would otherwise create one and never close it.
        created = App(Settings(models=("tiny",), cache=tmp_path, queue_size=10))
        created.open_queue()
        return created

    return run(create())
