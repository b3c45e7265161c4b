"""What the left column asks the server."""

from pathlib import Path
from typing import Any

import gradio

from classifier.endpoints.error_messages import with_error_messages
from classifier.endpoints.services import Services
from classifier.errors import PictureError
from classifier.page.inputs import markup
from classifier.pictures.decoding import BROWSER_FORMATS, decode, detect_format
from classifier.pictures.edits import MAX_SIDE, Edits, limit_size
from classifier.pictures.source import PictureSource

PROGRESS = gradio.Progress()  # Gradio recognises this default value
NO_PICTURE = "There is no picture yet. Choose one from the gallery, or upload your own."


def chosen_picture(services: Services, name: object, own: object) -> PictureSource:
    """Returns the chosen picture before any edits: one of the gallery, or else an upload.

    Raises InputError if there is none.
    """
    if name is not None:
        return services.picture(name)
    if own is not None:
        return services.uploads.source(own)
    gallery = services.gallery
    raise PictureError(NO_PICTURE if gallery.names() else gallery.empty_message())


async def edited_picture(
    services: Services, name: object, own: object, edits: object
) -> PictureSource:
    """Returns the chosen picture with its edits. Raises InputError if a value is not valid."""
    chosen = Edits.from_values(edits)
    source = chosen_picture(services, name, own)
    return await services.editor.edit(source, chosen) if chosen else source


class InputHandlers:
    def __init__(self, services: Services) -> None:
        self._services = services

    def facts(self) -> dict[str, str]:
        """Returns the line of facts about each model."""
        classifier = self._services.classifier
        return {
            model.name: markup.facts(model, classifier.is_downloaded(model))
            for model in classifier.catalogue.values()
        }

    @with_error_messages
    async def update_facts(self) -> Any:
        """Updates the facts. The browser shows those of the model that is chosen then."""
        return gradio.update(facts=self.facts())

    @with_error_messages
    async def choose_model(self, name: str) -> Any:
        """Loads the chosen model in the background, so that it is ready for a request."""
        self._services.classifier.preload(self._services.classifier.model(name))
        return gradio.update(facts=self.facts())

    @with_error_messages
    async def download(self, name: str, progress: gradio.Progress = PROGRESS) -> Any:
        """Downloads the weights of a model if needed, and then updates the facts."""
        model = self._services.classifier.model(name)
        text = f"Downloading {model.name}, {model.megabytes:.0f} MB"
        await self._services.classifier.download(
            model, lambda fraction: progress(fraction, desc=text)
        )
        return gradio.update(facts=self.facts())

    @with_error_messages
    async def check_upload(self, own: object) -> dict[str, str | None]:
        """Checks that an uploaded picture can be decoded.

        If browsers cannot show its format, the result has a preview that they can show.
        """
        path = self._services.uploads.find(own)

        def check() -> dict[str, str | None]:
            picture = limit_size(decode(path, path.name, MAX_SIDE))
            if detect_format(path, path.name) in BROWSER_FORMATS:
                return {"path": str(path), "preview": None}
            preview = Path(f"{path}.preview.png")
            picture.save(preview)
            return {"path": str(path), "preview": str(preview)}

        return await self._services.editor.run(check)

    @with_error_messages
    async def offer(self) -> tuple[list[str], Any, Any, Any]:
        """Returns the names of the pictures and of the models, which may have changed.

        A picture may be new in the folder, and a model may have been downloaded.
        """
        names = self._services.gallery.names()
        return (
            names,
            gradio.update(choices=names),
            gradio.update(choices=markup.thumbnails(names)),
            gradio.update(choices=self.models()),
        )

    def models(self) -> list[str]:
        """Returns the names of the models, those that need no download first."""
        return [model.name for model in self._services.classifier.ready_first()]
