"""A picture under its heat maps, as HTML: which of them shows, and how strong, is the reader's."""

from collections.abc import Sequence
from html import escape

from classifier.explain import Explanation
from classifier.heat import COLOURS, STRENGTH
from classifier.markup import percent


def explanation(explained: Explanation, picture: str, layers: Sequence[str]) -> str:
    """`picture` and `layers` are addresses: of the picture, and of the heat for each label."""
    heats = "".join(
        f"<img class='heat' src='{address}' alt='What speaks for {escape(heat.label, quote=True)}'>"
        for heat, address in zip(explained.heats, layers, strict=True)
    )
    labels = "".join(
        f"<label><input type='radio' name='explained' value='{place}'"
        f"{'' if place else ' checked'}><span>{escape(heat.label)}</span>"
        f"<span>{percent(heat.probability)}</span></label>"
        for place, heat in enumerate(explained.heats)
    )
    view = explained.view
    box = {
        "left": view.left,
        "top": view.top,
        "width": view.right - view.left,
        "height": view.bottom - view.top,
    }
    place = ";".join(f"{side}:{part:.4%}" for side, part in box.items())
    colours = ", ".join(f"rgb{colour}" for colour in COLOURS)
    model = escape(explained.prediction.model)
    unseen = (
        f" What is grey, {model} never saw." if min(box["width"], box["height"]) < 0.999 else ""
    )
    return (
        f"<div class='explanation' style='--strength:{STRENGTH};--colours:{colours}'>"
        f"<div class='looked'><img src='{picture}' alt='{escape(explained.prediction.image)}'>"
        f"<div class='seen' style='{place}'>{heats}</div></div>"
        f"<div class='labels' role='radiogroup' aria-label='Labels'>{labels}</div>"
        "<label class='strength'><span>Strength</span><input type='range' min='0' max='1' "
        f"step='0.01' value='{STRENGTH}'></label>"
        "<p class='colours' aria-hidden='true'><span>little</span><i></i><span>most</span></p>"
        "<p class='meaning'>Bright is what spoke most for the label; what is dark added little, "
        f"or spoke against it.{unseen} This is where {model} looked. What it made of that, or "
        "whether it is right, nobody can tell from it.</p></div>"
    )
