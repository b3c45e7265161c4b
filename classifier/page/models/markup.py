"""The tab Models as HTML: a table to sort, and a plot of accuracy against time."""

from collections.abc import Callable, Sequence
from html import escape

from classifier.models.model import Model
from classifier.page.markup import IMAGENET_LABELS, duration, percent
from classifier.page.models.plot import Point, scatter

COLUMNS = {"Model": "name"} | dict.fromkeys(
    ("Parameters", "Size", "GFLOPs", "Accuracy", "Time"), "number"
)
NO_PLOT = (
    "<p class='how'>The plot of accuracy against time shows each model that has classified a "
    "picture here. Measure runs all models that are downloaded.</p>"
)
HOW = "Accuracy: top-1. Time: the median for one picture on this machine. A dash: not known."

Shown = tuple[Model, bool, float | None]  # whether it is downloaded, and its median seconds


def table(models: Sequence[Shown]) -> str:
    """Returns a table of all models, and a plot of those that were measured."""
    heads = "".join(
        f"<th scope='col' class='{kind}'><button type='button'>{name}</button></th>"
        for name, kind in COLUMNS.items()
    )
    rows = "".join(_row(*shown) for shown in models)
    plot = scatter(
        [
            Point(model.name, seconds, model.accuracy, is_apart=_is_apart(model))
            for model, _, seconds in models
            if seconds is not None and model.accuracy is not None
        ]
    )
    return (
        f"<div class='models'><div class='rows'><table><caption>The models on offer</caption>"
        f"<thead><tr>{heads}<th></th></tr></thead><tbody>{rows}</tbody></table></div>"
        f"<p class='how'>{HOW}{_footnote([model for model, _, _ in models])}</p>"
        f"{plot or NO_PLOT}</div>"
    )


def _row(model: Model, is_downloaded: bool, seconds: float | None) -> str:
    mark = "<sup>○</sup>" if _is_apart(model) else ""
    state = "ready"
    if not is_downloaded:
        name = escape(model.name, quote=True)
        state = (
            f"<button type='button' data-download='{name}' aria-label='Download {name}'>"
            "Download</button>"
        )
    return (
        f"<tr><th scope='row' data-value='{escape(model.name, quote=True)}'>"
        f"{escape(model.name)}</th>"
        + _number(model.parameters, lambda count: f"{count / 1e6:.1f} M")
        + _number(model.megabytes, "{:.0f} MB".format)
        + _number(model.gigaflops, "{:.2f}".format)
        + _number(model.accuracy, lambda accuracy: percent(accuracy) + mark)
        + _number(seconds, duration)
        + f"<td class='state'>{state}</td></tr>"
    )


def _number(value: float | None, text: Callable[[float], str]) -> str:
    """Returns a cell with a number, or with a dash if nobody knows it."""
    if value is None:
        return "<td class='number' data-value=''>–</td>"
    return f"<td class='number' data-value='{value}'>{text(value)}</td>"


def _is_apart(model: Model) -> bool:
    """Whether the accuracy of a model cannot be compared with that of the others."""
    return model.accuracy is not None and model.evaluated_on != "ImageNet"


def _footnote(models: Sequence[Model]) -> str:
    return "".join(
        f" ○ {escape(model.name)} was evaluated on {model.evaluated_on}, with "
        f"{len(model.labels):,} labels and {model.preprocessing.resize_pixels} pixels. This is not "
        f"comparable with an evaluation on the {IMAGENET_LABELS:,} labels of ImageNet."
        for model in models
        if _is_apart(model)
    )
