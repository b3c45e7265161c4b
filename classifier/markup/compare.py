"""What several models say of one picture, as HTML."""

from collections.abc import Sequence
from html import escape

from classifier.compare import Agreement, Part, agreement
from classifier.markup import IMAGENET_LABELS, duration, percent


def comparison(image: str, parts: Sequence[Part]) -> str:
    """A row for each model, and how far they agree."""
    agreed = agreement([part.prediction for part in parts if part.prediction])
    return (
        f"{_verdict(agreed)}<div class='rows'><table class='comparison'><caption>What each model "
        f"says of {escape(image)}</caption><thead><tr><th scope='col'>Model</th>"
        "<th scope='col'>Label</th><th scope='col' class='number'>Probability</th>"
        "<th scope='col' class='number'>Time</th><th scope='col' class='number'>Size</th>"
        f"</tr></thead><tbody>{''.join(_row(part, agreed) for part in parts)}</tbody></table></div>"
        f"<p class='how'>{escape(image)}{_limits(parts)}</p>"
    )


def _verdict(agreed: Agreement | None) -> str:
    if agreed is None:
        return ""
    text = f"{agreed.models} of {agreed.of} say {agreed.label}."
    if agreed.models == 1:
        text = f"No two of {agreed.of} say the same."
    return f"<p class='verdict' role='status'>{escape(text)}</p>"


def _row(part: Part, agreed: Agreement | None) -> str:
    name = f"<th scope='row'>{escape(part.model.name)}</th>"
    size = f"<td class='number'>{part.model.megabytes:.0f} MB</td>"
    if part.error:
        return f"<tr>{name}<td colspan='3' class='error'>{escape(part.error)}</td>{size}</tr>"
    if part.prediction is None:
        state = "…" if part.fetched is None else f"fetching, {part.fetched:.0%}"
        return f"<tr>{name}<td colspan='3' class='wait'>{state}</td>{size}</tr>"
    first = part.prediction.predictions[0]
    kind = " class='agreed'" if agreed and agreed.models > 1 and first.label == agreed.label else ""
    return (
        f"<tr{kind}>{name}<td>{escape(first.label)}"
        f"<span class='bar' style='--part:{first.probability:.4f}'></span></td>"
        f"<td class='number'>{percent(first.probability)}</td>"
        f"<td class='number'>{duration(part.prediction.seconds)}</td>{size}</tr>"
    )


def _limits(parts: Sequence[Part]) -> str:
    """What keeps a model of few labels from agreeing."""
    few = [part.model for part in parts if len(part.model.labels) < IMAGENET_LABELS]
    if not few or len(parts) == len(few):
        return ""
    text = " ".join(
        f"{model.name} knows {len(model.labels):,} labels and cannot agree on any other."
        for model in few
    )
    return escape(f" · {text}")
