"""The models on offer as HTML: a table to sort, and accuracy against time."""

from collections.abc import Sequence
from html import escape

from classifier.catalog import Model
from classifier.markup import IMAGENET_LABELS, duration, percent
from classifier.scatter import Point, scatter

COLUMNS = {"Model": "name"} | dict.fromkeys(
    ("Parameters", "Size", "GFLOPs", "Right", "Time"), "number"
)
NOTHING = (
    "<p class='how'>The plot of accuracy against time fills as models answer. "
    "Measure runs those that are here.</p>"
)
HOW = "Time: the median of what answers took here, a dash where there was none."

Shown = tuple[Model, bool, float | None]  # whether it is here, and the seconds it takes


def table(models: Sequence[Shown]) -> str:
    """All models, and a plot of those whose time was measured."""
    heads = "".join(
        f"<th scope='col' class='{kind}'><button type='button'>{name}</button></th>"
        for name, kind in COLUMNS.items()
    )
    rows = "".join(_row(*shown) for shown in models)
    plot = scatter(
        [
            Point(model.name, seconds, model.accuracy, apart=_is_apart(model))
            for model, _, seconds in models
            if seconds is not None
        ]
    )
    return (
        f"<div class='models'><div class='rows'><table><caption>The models on offer</caption>"
        f"<thead><tr>{heads}<th></th></tr></thead><tbody>{rows}</tbody></table></div>"
        f"<p class='how'>{HOW}{_footnote([model for model, _, _ in models])}</p>"
        f"{plot or NOTHING}</div>"
    )


def _row(model: Model, ready: bool, seconds: float | None) -> str:
    mark = "<sup>○</sup>" if _is_apart(model) else ""
    state = "here"
    if not ready:
        name = escape(model.name, quote=True)
        state = (
            f"<button type='button' data-fetch='{name}' aria-label='Fetch {name}'>Fetch</button>"
        )
    return (
        f"<tr><th scope='row' data-value='{escape(model.name, quote=True)}'>"
        f"{escape(model.name)}</th>"
        + _number(model.parameters, f"{model.parameters / 1e6:.1f} M")
        + _number(model.megabytes, f"{model.megabytes:.0f} MB")
        + _number(model.gigaflops, f"{model.gigaflops:.2f}")
        + _number(model.accuracy, percent(model.accuracy) + mark)
        + _number(seconds, "–" if seconds is None else duration(seconds))
        + f"<td class='state'>{state}</td></tr>"
    )


def _number(value: float | None, text: str) -> str:
    return f"<td class='number' data-value='{'' if value is None else value}'>{text}</td>"


def _is_apart(model: Model) -> bool:
    """Whether its accuracy says nothing beside that of the others."""
    return len(model.labels) < IMAGENET_LABELS


def _footnote(models: Sequence[Model]) -> str:
    return "".join(
        f" ○ {escape(model.name)} was judged on {model.judged_on}, {len(model.labels):,} labels at "
        f"{model.pixels} pixels: not comparable with what is judged on the "
        f"{IMAGENET_LABELS:,} of ImageNet."
        for model in models
        if _is_apart(model)
    )
