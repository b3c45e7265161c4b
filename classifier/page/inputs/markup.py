"""The left column as HTML."""

from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from classifier.models.model import Model
from classifier.page.markup import percent


def facts(model: Model, is_downloaded: bool) -> str:
    """Returns what a model is good for, and the facts about it."""
    parts = [
        f"{model.parameters / 1e6:.1f} M parameters",
        f"{model.megabytes:.0f} MB",
        f"{len(model.labels):,} labels",
    ]
    if model.accuracy is not None:
        parts.append(f"{percent(model.accuracy)} top-1 accuracy on {model.evaluated_on}")
    parts.append("ready" if is_downloaded else "downloaded on first use")
    return (
        f"<p class='facts'><span class='description'>{escape(model.description)}</span> "
        f"{' · '.join(parts)}</p>"
    )


def thumbnails(names: Iterable[str]) -> str:
    """Returns the thumbnails of the gallery, as a group of radio buttons."""
    choices = "".join(
        f"<label title='{escape(name, quote=True)}'>"
        f"<input type='radio' name='thumbnail' value='{escape(name, quote=True)}' "
        f"aria-label='{escape(name, quote=True)}'>"
        f"<img src='thumbnails/{quote(name, safe='')}' alt='' loading='lazy' "
        "width='56' height='56'></label>"
        for name in names
    )
    return f"<div class='thumbnails' role='radiogroup' aria-label='Pictures'>{choices}</div>"
