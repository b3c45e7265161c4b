"""The answer as HTML."""

from html import escape
from urllib.parse import quote

from classifier.inference.prediction import Prediction
from classifier.models.model import Model
from classifier.page.markup import IMAGENET_LABELS, duration, percent

# Below this probability, the first label of `tiny` is usually wrong.
UNSURE = 0.5
DEVICES = {"cpu": "CPU", "cuda": "GPU"}


def answer(prediction: Prediction, edits: str = "") -> str:
    """Returns the table of the likeliest labels, and a line about the request.

    `edits` describes the edits of the picture in words.
    """
    rows = "".join(
        f"<tr><td>{rank}</td><th scope='row'>{escape(top.label)}</th>"
        f"<td><span class='bar' style='--part:{top.probability:.4f}'></span></td>"
        f"<td>{percent(top.probability)}</td></tr>"
        for rank, top in enumerate(prediction.predictions, start=1)
    )
    how = [
        escape(prediction.image) + (f" ({escape(edits)})" if edits else ""),
        escape(prediction.model),
        duration(prediction.seconds),
        DEVICES[prediction.device],
    ]
    return (
        "<table class='answer'><caption>The likeliest labels of "
        f"{escape(prediction.image)}</caption>"
        "<thead><tr><th scope='col'>Rank</th><th scope='col'>Label</th>"
        "<th scope='col' colspan='2'>Probability</th></tr></thead>"
        f"<tbody>{rows}</tbody></table><p class='how'>{' · '.join(how)}</p>"
    )


def limits(model: Model, max_labels: int, probability: float) -> str:
    """Explains the limits of a model with fewer labels than ImageNet; empty for others.

    A classifier always predicts one of its labels. A low `probability` of the first one, in
    0-1, suggests that no label fits, but does not prove it. `max_labels` is the largest
    number of labels of a model on offer.
    """
    count = len(model.labels)
    if count >= IMAGENET_LABELS:
        return ""
    text = f"{model.name} has {count:,} labels and always predicts one of them."
    if max_labels > count:
        text += f" Other models have up to {max_labels:,}."
    labels = ", ".join(sorted(model.labels, key=str.casefold))
    doubt = "<p class='doubt'>None of its labels fits well.</p>" if probability < UNSURE else ""
    return (
        f"<div class='limits'>{doubt}<p>{escape(text)}</p><details>"
        f"<summary>Show all {count:,} labels</summary><p>{escape(labels)}</p></details></div>"
    )


def link(id: str) -> str:
    """Returns a link that opens the answer again, or its place in the queue."""
    address = quote(id, safe="")
    return (
        f"<p class='again'><a href='?ticket={address}' title='Opens this answer again, as long as "
        "the server keeps it'>Link to this answer</a></p>"
    )
