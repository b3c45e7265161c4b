"""The tab Compare as HTML."""

from collections.abc import Sequence
from html import escape

from classifier.endpoints.compare import Progress
from classifier.inference.agreement import Agreement, agreement
from classifier.page.markup import IMAGENET_LABELS, duration, percent


def comparison(image: str, progress: Sequence[Progress]) -> str:
    """Returns a row for each model, and how well the models agree."""
    agreed = agreement([entry.prediction for entry in progress if entry.prediction])
    return (
        f"{_verdict(agreed)}<div class='rows'><table class='comparison'><caption>The prediction "
        f"of each model for {escape(image)}</caption><thead><tr><th scope='col'>Model</th>"
        "<th scope='col'>Label</th><th scope='col' class='number'>Probability</th>"
        "<th scope='col' class='number'>Time</th><th scope='col' class='number'>Size</th>"
        f"</tr></thead><tbody>{''.join(_row(entry, agreed) for entry in progress)}</tbody></table>"
        f"</div><p class='how'>{escape(image)}{_limits(progress)}</p>"
    )


def _verdict(agreed: Agreement | None) -> str:
    if agreed is None:
        return ""
    text = f"{agreed.models} of {agreed.of} models predict {agreed.label}."
    if agreed.models == 1:
        text = f"All {agreed.of} models predict different labels."
    return f"<p class='verdict' role='status'>{escape(text)}</p>"


def _row(entry: Progress, agreed: Agreement | None) -> str:
    name = f"<th scope='row'>{escape(entry.model.name)}</th>"
    size = f"<td class='number'>{entry.model.megabytes:.0f} MB</td>"
    if entry.error:
        return f"<tr>{name}<td colspan='3' class='error'>{escape(entry.error)}</td>{size}</tr>"
    if entry.prediction is None:
        fraction = entry.download_fraction
        state = "…" if fraction is None else f"downloading, {fraction:.0%}"
        return f"<tr>{name}<td colspan='3' class='wait'>{state}</td>{size}</tr>"
    first = entry.prediction.predictions[0]
    agrees = agreed and agreed.models > 1 and first.label == agreed.label
    return (
        f"<tr{' class=agreed' if agrees else ''}>{name}<td>{escape(first.label)}"
        f"<span class='bar' style='--part:{first.probability:.4f}'></span></td>"
        f"<td class='number'>{percent(first.probability)}</td>"
        f"<td class='number'>{duration(entry.prediction.seconds)}</td>{size}</tr>"
    )


def _limits(progress: Sequence[Progress]) -> str:
    """Explains why a model with few labels may not agree with the others."""
    few = [entry.model for entry in progress if len(entry.model.labels) < IMAGENET_LABELS]
    if not few or len(progress) == len(few):
        return ""
    text = " ".join(
        f"{model.name} has only {len(model.labels):,} labels and cannot predict any other."
        for model in few
    )
    return escape(f" · {text}")
