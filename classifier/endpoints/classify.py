"""Classifying one picture: /classify and /classify_upload."""

from gradio import FileData

from classifier.endpoints.endpoint import INFERENCE, Endpoint, limit
from classifier.endpoints.error_messages import with_error_messages
from classifier.endpoints.result_cache import cache_results
from classifier.endpoints.services import Services
from classifier.inference.prediction import PredictionRecord
from classifier.pictures.source import PictureSource


def endpoints(services: Services) -> list[Endpoint]:
    """Returns the endpoints of this module."""
    classify = Classify(services)
    queueing = limit(INFERENCE, services.classifier.capacity)
    return [
        Endpoint("classify", cache_results(services, classify.classify), queueing),
        Endpoint("classify_upload", classify.classify_upload, queueing),
    ]


class Classify:
    def __init__(self, services: Services) -> None:
        self._services = services

    @with_error_messages
    async def classify(self, image: str, model: str) -> PredictionRecord:
        """The five likeliest labels of a picture in the gallery.

        Parameters:
            image: Name of a picture in the gallery; /info lists them
            model: Name of a model; /info lists them. It is downloaded when it is first used
        Returns:
            The labels and their probabilities in 0-1, highest first
        """
        path = self._services.gallery.path(image)
        return await self._predict(PictureSource(path, path.name), model)

    @with_error_messages
    async def classify_upload(self, image: FileData, model: str) -> PredictionRecord:
        """The five likeliest labels of your own picture.

        Parameters:
            image: A file, in Python handle_file("picture.jpg"); deleted within an hour
            model: Name of a model; /info lists them. It is downloaded when it is first used
        Returns:
            The labels and their probabilities in 0-1, highest first
        """
        return await self._predict(self._services.uploads.source(image), model)

    async def _predict(self, source: PictureSource, name: str) -> PredictionRecord:
        model = self._services.classifier.model(name)
        return (await self._services.classifier.predict(source, model)).record()
