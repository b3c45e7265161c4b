"""What can be taken away from an answer, as links that hold it: no file is kept."""

import json
from html import escape
from pathlib import Path
from urllib.parse import quote, urlencode

from classifier.edits import Edits
from classifier.predict import Prediction
from classifier.tables import table


def downloads(prediction: Prediction, edits: Edits, edited: Path | None, gallery: bool) -> str:
    """A row of links: JSON, CSV, the bars as PNG, and the picture if it was edited.

    And the address of the question, if it asks about a picture of the gallery.
    """
    stem = f"{Path(prediction.image).stem}-{prediction.model}"
    record = {**prediction.record(), **({"edits": edits.values()} if edits else {})}
    text = json.dumps(record, ensure_ascii=False, indent=2)
    links = [
        _link("JSON", f"{stem}.json", _data("application/json", text)),
        _link("CSV", f"{stem}.csv", _data("text/csv", rows(prediction))),
        # Drawn when it is asked for, by the browser.
        f"<a href='#' role='button' data-bars='{escape(text, quote=True)}' "
        f"data-name='{escape(stem, quote=True)}.png'>PNG</a>",
    ]
    if edited:
        links.append(_link("edited picture", edited.name, f"gradio_api/file={quote(str(edited))}"))
    if gallery:
        links.append(
            f"<a href='{escape(address(prediction.image, prediction.model, edits), quote=True)}' "
            "data-copy='Link copied'>link to the question</a>"
        )
    return f"<p class='downloads'><span aria-hidden='true'>↓ </span>{' · '.join(links)}</p>"


def rows(prediction: Prediction) -> str:
    """The prediction as CSV."""
    return table(
        ("picture", "model", "rank", "label", "probability"),
        [
            (prediction.image, prediction.model, rank, guess.label, f"{guess.probability:.6f}")
            for rank, guess in enumerate(prediction.predictions, start=1)
        ],
    )


def address(picture: str, model: str, edits: Edits) -> str:
    """The query that opens the page with a picture of the gallery, a model and edits."""
    return "?" + urlencode({"picture": picture, "model": model} | edits.changes(), quote_via=quote)


def _link(text: str, name: str, address: str) -> str:
    return f"<a href='{address}' download='{escape(name, quote=True)}'>{text}</a>"


def _data(kind: str, text: str) -> str:
    return f"data:{kind};charset=utf-8,{quote(text)}"
