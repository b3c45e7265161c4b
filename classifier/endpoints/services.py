"""What endpoints and the page work with."""

from collections.abc import Mapping
from dataclasses import dataclass

from classifier.inference.async_classifier import AsyncClassifier
from classifier.inference.low_priority import LowPriority
from classifier.pictures.editor import PictureEditor
from classifier.pictures.gallery import Gallery
from classifier.pictures.source import PictureSource
from classifier.pictures.uploads import Uploads


@dataclass(frozen=True)
class Services:
    """The services of one server."""

    classifier: AsyncClassifier
    low_priority: LowPriority
    uploads: Uploads
    editor: PictureEditor

    @property
    def gallery(self) -> Gallery:
        return self.classifier.gallery

    def picture(self, image: object) -> PictureSource:
        """Returns the picture of a request: the name of a gallery picture, or an uploaded file.

        Raises InputError if it is neither.
        """
        if isinstance(image, Mapping):
            return self.uploads.source(image)
        path = self.gallery.path(image)
        return PictureSource(path, path.name)
