"""What runs the models, as far as callers need to know it."""

from collections.abc import Mapping
from typing import Protocol

from classifier.download import ProgressCallback
from classifier.inference.explanation import Explanation
from classifier.inference.prediction import Prediction
from classifier.models.model import Model
from classifier.pictures.source import PictureSource


class Backend(Protocol):
    """Runs models on this machine, or on others. The methods run in one event loop."""

    async def open(self) -> None:
        """Starts what the backend needs. It may be ready only later."""

    async def close(self) -> None:
        """Stops what `open` has started."""

    @property
    def capacity(self) -> int:
        """How many classifications can run at the same time now; 0 if none can."""

    def problem(self) -> str | None:
        """Returns a sentence if nothing can run now, or else None."""

    def loaded_megabytes(self) -> Mapping[str, float]:
        """Returns the memory of each model that this process has loaded (2²⁰ bytes)."""

    def is_downloaded(self, model: Model) -> bool:
        """Whether the model runs without a download."""

    def preload(self, model: Model) -> None:
        """Loads a model in the background, so that the first request does not wait for it.

        Does nothing if the model is not downloaded yet.
        """

    async def download(self, model: Model, report: ProgressCallback) -> None:
        """Downloads the weights of a model, or joins a download that is already running.

        The download continues if a caller is cancelled. Raises WeightsError if it fails.
        """

    async def classify(self, picture: PictureSource, model: Model) -> Prediction:
        """Returns the prediction of a model for a picture.

        If the caller is cancelled before the work starts, it never runs. Raises the errors of
        `Classifier.classify`.
        """

    async def explain(
        self, picture: PictureSource, model: Model, label: str | None, report: ProgressCallback
    ) -> Explanation:
        """Returns the prediction of a model with heatmaps of its labels, or of one `label`.

        If the caller is cancelled, the work stops after the current label. Raises the errors
        of `explain`.
        """
