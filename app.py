"""The image classifier as a Gradio app: `python app.py`, or a Hugging Face Space."""

import os
import sys

from classifier import ClassifierError, Settings
from classifier.server import create, launch

try:
    settings = Settings.from_environment(os.environ)
    demo = create(settings)
except ClassifierError as error:
    sys.exit(str(error))

if __name__ == "__main__":
    launch(demo, settings)
