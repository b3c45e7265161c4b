"""The downloads under an answer: links that contain the files, so none is stored."""

import json
from html import escape
from pathlib import Path
from urllib.parse import quote, urlencode

from classifier.inference.prediction import Prediction
from classifier.page.answer.csv_table import csv_table
from classifier.page.markup import file_name
from classifier.pictures.edits import Edits


def downloads(prediction: Prediction, edits: Edits, edited: Path | None, in_gallery: bool) -> str:
    """Returns links to the answer as JSON, CSV and PNG, and to the picture if it was edited.

    For a picture of the gallery, another link opens the page with the same inputs.
    """
    stem = f"{Path(prediction.image).stem}-{file_name(prediction.model)}"
    record = {**prediction.record(), **({"edits": edits.values()} if edits else {})}
    text = json.dumps(record, ensure_ascii=False, indent=2)
    links = [
        _link("JSON", f"{stem}.json", _data_url("application/json", text)),
        _link("CSV", f"{stem}.csv", _data_url("text/csv", prediction_csv(prediction))),
        # The browser draws the bars when this is clicked.
        f"<a href='#' role='button' data-bars='{escape(text, quote=True)}' "
        f"data-name='{escape(stem, quote=True)}.png'>PNG</a>",
    ]
    if edited:
        links.append(_link("edited picture", edited.name, f"gradio_api/file={quote(str(edited))}"))
    if in_gallery:
        link = address(prediction.image, prediction.model, edits)
        links.append(
            f"<a href='{escape(link, quote=True)}' data-copy='Link copied' title='Opens the page "
            "with this picture and this model, without an answer'>link to picture and model</a>"
        )
    return f"<p class='downloads'><span aria-hidden='true'>↓ </span>{' · '.join(links)}</p>"


def prediction_csv(prediction: Prediction) -> str:
    """Returns the prediction as CSV."""
    return csv_table(
        ("picture", "model", "rank", "label", "probability"),
        [
            (prediction.image, prediction.model, rank, top.label, f"{top.probability:.6f}")
            for rank, top in enumerate(prediction.predictions, start=1)
        ],
    )


def address(picture: str, model: str, edits: Edits) -> str:
    """Returns the query that opens the page with a picture of the gallery, a model and edits."""
    return "?" + urlencode({"picture": picture, "model": model} | edits.changes(), quote_via=quote)


def _link(text: str, name: str, address: str) -> str:
    return f"<a href='{address}' download='{escape(name, quote=True)}'>{text}</a>"


def _data_url(media_type: str, text: str) -> str:
    return f"data:{media_type};charset=utf-8,{quote(text)}"
