"""The tab Models as HTML: a table to sort, and plots of accuracy against cost."""

from collections.abc import Callable, Iterable, Sequence
from html import escape

from classifier.models.model import Model
from classifier.page.markup import IMAGENET_LABELS, duration, percent
from classifier.page.models.plot import COMPUTATIONS, TIME, Point, scatter

COLUMNS = {"Model": "name"} | dict.fromkeys(
    ("Parameters", "Size", "GFLOPs", "Accuracy", "Time"), "number"
)
# One point would be no plot.
MIN_MEASURED = 2
NOT_MEASURED = (
    "<p class='how'>Measure runs all models that are downloaded. A plot of accuracy against time "
    "appears when two of them have classified a picture.</p>"
)
HOW = (
    "Accuracy: top-1, as published. Time: the median for one picture on this machine. "
    "A dash: not known."
)

Shown = tuple[Model, bool, float | None]  # whether it is downloaded, and its median seconds


def table(models: Sequence[Shown]) -> str:
    """Returns a table of all models, and plots of accuracy against computations and time."""
    heads = "".join(
        f"<th scope='col' class='{kind}'><button type='button'>{name}</button></th>"
        for name, kind in COLUMNS.items()
    )
    rows = "".join(_row(*shown) for shown in models)
    published = _points((model, model.gigaflops) for model, _, _ in models)
    measured = _points((model, seconds) for model, _, seconds in models)
    is_measured = len(measured) >= MIN_MEASURED
    return (
        f"<div class='models'><div class='rows'><table><caption>The models on offer</caption>"
        f"<thead><tr>{heads}<th></th></tr></thead><tbody>{rows}</tbody></table></div>"
        f"<p class='how'>{HOW}{_footnote([model for model, _, _ in models])}</p>"
        f"<div class='plots'>{scatter(published, COMPUTATIONS)}"
        f"{scatter(measured, TIME) if is_measured else ''}</div>"
        f"{'' if is_measured else NOT_MEASURED}</div>"
    )


def _points(costs: Iterable[tuple[Model, float | None]]) -> list[Point]:
    """Returns a point for each model whose accuracy and cost are known."""
    return [
        Point(model.name, cost, model.accuracy, is_apart=_is_apart(model))
        for model, cost in costs
        if cost and model.accuracy is not None
    ]


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
        f"{escape(model.name).replace('_', '_<wbr>')}</th>"
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
