"""The tab Edit as HTML and SVG."""

from html import escape

from classifier.pictures.edits import CHANNELS, ENHANCERS, FLIPS, MAX_FACTOR, Edits, Histogram

Shown = tuple[str, Histogram]  # the address of a picture, and its histogram
HEIGHT = 100
# The drawing is high enough for this fraction of all counts. A few values that very many
# pixels share, such as a white background, would otherwise flatten all others.
QUANTILE = 0.99


def sliders() -> str:
    """Returns the controls for all edits."""
    factors = "".join(
        f"<label><span>{name.capitalize()}</span><input type='range' name='{name}' min='0' "
        f"max='{MAX_FACTOR:g}' step='0.05'><output></output></label>"
        for name in ENHANCERS
    )
    flips = "".join(f"<option value='{flip}'>{text}</option>" for flip, text in FLIPS.items())
    return (
        f"<div class='edits'>{factors}<label><span>Rotation</span><input type='range' "
        "name='rotation' min='-180' max='180' step='1' data-unit='°'><output></output></label>"
        f"<label><span>Flip</span><select name='flip'>{flips}</select></label></div>"
    )


def view(original: Shown, edited: Shown, edits: Edits) -> str:
    """Returns both pictures side by side, with a histogram under each."""
    top = _top(original[1], edited[1])
    note = (
        f"Edited: {edits}. The model classifies this picture."
        if edits
        else "No edits yet. The model classifies the edited picture."
    )
    return (
        f"<div class='both'>{_figure('Original', original, top)}"
        f"{_figure('Edited', edited, top)}</div><p class='edited-note'>{escape(note)}</p>"
    )


def _figure(title: str, shown: Shown, top: float) -> str:
    address, counts = shown
    return (
        f"<figure><figcaption>{title}</figcaption><img src='{address}' alt='{title} picture'>"
        f"{histogram(counts, title, top)}</figure>"
    )


def histogram(counts: Histogram, title: str, top: float) -> str:
    """Draws the four histograms; the height of the drawing is the fraction `top` of all pixels."""
    pixels = sum(counts["luminance"])
    means = {name: _mean(counts[name]) for name in CHANNELS}
    lines = "".join(
        f"<path class='{name}' d='{_path(counts[name], pixels * top)}'/>" for name in CHANNELS
    )
    words = ", ".join(f"{name} {mean:.0f}" for name, mean in means.items())
    legend = "".join(f"<span class='{name}'>{mean:.0f}</span>" for name, mean in means.items())
    return (
        f"<svg class='histogram' viewBox='0 0 255 {HEIGHT}' preserveAspectRatio='none' role='img' "
        f"aria-label='Histogram, {title.lower()}: means of {words}'>{lines}</svg>"
        "<p class='scale' aria-hidden='true'><span>0</span><span>255</span></p>"
        f"<p class='means' title='Means of {words}' aria-hidden='true'>Means {legend}</p>"
    )


def _mean(values: list[int]) -> float:
    return sum(value * count for value, count in enumerate(values)) / sum(values)


def _top(*histograms: Histogram) -> float:
    fractions = sorted(
        count / sum(counts[name])
        for counts in histograms
        for name in CHANNELS
        for count in counts[name]
    )
    return max(fractions[round(QUANTILE * (len(fractions) - 1))], 1e-6)


def _path(values: list[int], top: float) -> str:
    heights = [HEIGHT * (1 - min(1.0, value / top)) for value in values]
    line = " ".join(f"{place},{height:.1f}" for place, height in enumerate(heights))
    return f"M0,{HEIGHT} L{line} L255,{HEIGHT} Z"
