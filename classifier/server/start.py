"""Starting the app: as a Space, with `python app.py` and with `image-classifier serve`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from classifier import logs
from classifier.errors import ClassifierError
from classifier.gradio_internals.environment import check, hidden_from_gradio
from classifier.settings import Settings

if TYPE_CHECKING:
    from classifier.server.app import App


def create() -> App:
    """Returns the app. Exits with a sentence if a setting in the environment is wrong."""
    try:
        settings = Settings.from_environment(os.environ).with_writable_cache()
        logs.configure(settings.log)
        check(os.environ)
        # Gradio is imported only now: it would not explain a wrong setting of its own.
        with hidden_from_gradio():
            from classifier.server.app import App

        return App(settings)
    except ClassifierError as error:
        sys.exit(str(error))


def serve(app: App) -> None:
    """Serves the page until the process is asked to stop; exits with a sentence if it cannot."""
    try:
        app.launch()
    except (ClassifierError, OSError) as error:  # OSError: Gradio finds no free port
        sys.exit(str(error))
