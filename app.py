"""The image classifier as a Gradio app: `python app.py`, or a Hugging Face Space."""

import os
import sys

from classifier import ClassifierError, Settings
from classifier.server.app import App

try:
    app = App(Settings.from_environment(os.environ))
except ClassifierError as error:
    sys.exit(str(error))

demo = app.page

if __name__ == "__main__":
    app.launch()
