"""The parts of the page that are plain HTML, escaped."""

from collections.abc import Iterable
from html import escape
from urllib.parse import quote

from classifier.catalog import Model
from classifier.predict import Prediction

# Below this the first label of the bundled model is more often wrong than right.
UNSURE = 0.5
IMAGENET_LABELS = 1000
DEVICES = {"cpu": "CPU", "cuda": "GPU"}


def answer(prediction: Prediction, edits: str = "") -> str:
    """The table of the likeliest labels, and a line on how it came about.

    `edits` says in words what was done to the picture before, if anything.
    """
    rows = "".join(
        f"<tr><td>{rank}</td><th scope='row'>{escape(guess.label)}</th>"
        f"<td><span class='bar' style='--part:{guess.probability:.4f}'></span></td>"
        f"<td>{percent(guess.probability)}</td></tr>"
        for rank, guess in enumerate(prediction.predictions, start=1)
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


def limits(model: Model, most: int, probability: float) -> str:
    """What a model cannot tell, if it knows fewer labels than ImageNet has.

    Every network names the nearest of its labels, whatever it is shown. A low `probability`
    of the first, in 0-1, hints at something that it does not know, and proves nothing.
    `most` is the largest number of labels that any model on offer knows.
    """
    known = len(model.labels)
    if known >= IMAGENET_LABELS:
        return ""
    text = f"{model.name} knows {known:,} kinds of things and names the nearest, whatever it sees."
    if most > known:
        text += f" The larger models know {most:,}."
    labels = ", ".join(sorted(model.labels, key=str.casefold))
    doubt = "<p class='doubt'>None of its labels fits well.</p>" if probability < UNSURE else ""
    return (
        f"<div class='limits'>{doubt}<p>{escape(text)}</p><details>"
        f"<summary>The {known:,}</summary><p>{escape(labels)}</p></details></div>"
    )


def facts(model: Model, ready: bool) -> str:
    """A line about a model."""
    parts = [
        f"{model.parameters / 1e6:.1f} M parameters",
        f"{model.megabytes:.0f} MB",
        f"{len(model.labels):,} labels",
        f"{percent(model.accuracy)} right on {model.judged_on}",
        "ready" if ready else "fetched when first used",
    ]
    return f"<p class='facts'>{' · '.join(parts)}</p>"


def thumbnails(names: Iterable[str]) -> str:
    """Small pictures to pick from, a group of radio buttons to the keyboard."""
    choices = "".join(
        f"<label title='{escape(name, quote=True)}'>"
        f"<input type='radio' name='thumbnail' value='{escape(name, quote=True)}' "
        f"aria-label='{escape(name, quote=True)}'>"
        f"<img src='thumbnails/{quote(name, safe='')}' alt='' loading='lazy' "
        "width='56' height='56'></label>"
        for name in names
    )
    return f"<div class='thumbnails' role='radiogroup' aria-label='Pictures'>{choices}</div>"


def note(text: str) -> str:
    """A sentence where an answer would stand."""
    return f"<p class='note'>{escape(text)}</p>"


def link(ticket: str) -> str:
    """A link that opens an answer again, or the wait for it."""
    address = quote(ticket, safe="")
    return f"<p class='again'><a href='?ticket={address}'>Link to this answer</a></p>"


def notice(sentences: Iterable[str]) -> str:
    """What is wrong with the address of the page."""
    text = " ".join(["Not all that the address of this page asks for is here.", *sentences])
    return f"<p class='notice' role='status'>{escape(text)}</p>"


def percent(probability: float) -> str:
    """Three figures at most, and never a rounded-up certainty."""
    if 0.9995 <= probability < 1:
        return "> 99.9 %"
    if 0 < probability < 0.0005:
        return "< 0.1 %"
    return f"{probability * 100:.1f} %"


def duration(seconds: float) -> str:
    """Milliseconds below a second, seconds above."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
