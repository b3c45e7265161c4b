"""The tab Explain as HTML: visitors choose the label and the strength of its heatmap."""

from collections.abc import Sequence
from html import escape

from classifier.inference.explanation import Explanation
from classifier.inference.heatmaps import COLOURS, STRENGTH
from classifier.page.markup import percent


def explanation(explained: Explanation, picture: str, layers: Sequence[str]) -> str:
    """Returns the explanation, given the addresses of the picture and of each heatmap."""
    heatmaps = "".join(
        f"<img class='heat' src='{address}' alt='Support for {escape(result.label, quote=True)}'>"
        for result, address in zip(explained.heatmaps, layers, strict=True)
    )
    labels = "".join(
        f"<label><input type='radio' name='explained' value='{place}'"
        f"{'' if place else ' checked'}><span>{escape(result.label)}</span>"
        f"<span>{percent(result.probability)}</span></label>"
        for place, result in enumerate(explained.heatmaps)
    )
    view = explained.view
    box = {
        "left": view.left,
        "top": view.top,
        "width": view.right - view.left,
        "height": view.bottom - view.top,
    }
    style = ";".join(f"{side}:{part:.4%}" for side, part in box.items())
    colours = ", ".join(f"rgb{colour}" for colour in COLOURS)
    model = escape(explained.prediction.model)
    unused = (
        f" {model} did not use the grey parts." if min(box["width"], box["height"]) < 0.999 else ""
    )
    return (
        f"<div class='explanation' style='--strength:{STRENGTH};--colours:{colours}'>"
        f"<div class='looked'><img src='{picture}' alt='{escape(explained.prediction.image)}'>"
        f"<div class='seen' style='{style}'>{heatmaps}</div></div>"
        f"<div class='labels' role='radiogroup' aria-label='Labels'>{labels}</div>"
        "<label class='strength'><span>Strength</span><input type='range' min='0' max='1' "
        f"step='0.01' value='{STRENGTH}'></label>"
        "<p class='colours' aria-hidden='true'><span>little</span><i></i><span>most</span></p>"
        "<p class='meaning'>Bright parts of the picture support the label most. Dark parts "
        f"support it little, or speak against it.{unused} The heatmap shows where {model} looked. "
        "It does not show whether the label is correct.</p></div>"
    )
