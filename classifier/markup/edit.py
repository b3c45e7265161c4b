"""The tab in which a picture is changed, as HTML and SVG."""

from html import escape

from classifier.edits import CHANNELS, ENHANCERS, FLIPS, MOST, Edits, Histogram

Shown = tuple[str, Histogram]  # the address of a picture, and its histogram
HEIGHT = 100
# Of the counts of both pictures so many, in 0-1, fit into the drawings: a few values that
# very many pixels share, as of a white ground, would press all others to the floor.
PART = 0.99


def controls() -> str:
    """Sliders for what can be done to a picture."""
    factors = "".join(
        f"<label><span>{name.capitalize()}</span><input type='range' name='{name}' min='0' "
        f"max='{MOST:g}' step='0.05'><output></output></label>"
        for name in ENHANCERS
    )
    flips = "".join(f"<option value='{flip}'>{text}</option>" for flip, text in FLIPS.items())
    return (
        f"<div class='edits'>{factors}<label><span>Rotation</span><input type='range' "
        "name='rotation' min='-180' max='180' step='1' data-unit='°'><output></output></label>"
        f"<label><span>Flip</span><select name='flip'>{flips}</select></label></div>"
    )


def view(original: Shown, edited: Shown, edits: Edits) -> str:
    """Both pictures side by side, and a histogram under each."""
    top = _top(original[1], edited[1])
    done = str(edits)
    note = (
        f"Edited: {done}. This is the picture that is classified."
        if edits
        else "Nothing is changed yet; what you make here is what is classified."
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
    """The four histograms in one drawing, `top` parts of all pixels high."""
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
    parts = sorted(
        count / sum(counts[name])
        for counts in histograms
        for name in CHANNELS
        for count in counts[name]
    )
    return max(parts[round(PART * (len(parts) - 1))], 1e-6)


def _path(values: list[int], top: float) -> str:
    heights = [HEIGHT * (1 - min(1.0, value / top)) for value in values]
    line = " ".join(f"{place},{height:.1f}" for place, height in enumerate(heights))
    return f"M0,{HEIGHT} L{line} L255,{HEIGHT} Z"
