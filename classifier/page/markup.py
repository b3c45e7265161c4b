"""HTML that several tabs share, with escaped text."""

import re
from html import escape

IMAGENET_LABELS = 1000


def note(text: str) -> str:
    """Returns a sentence that stands in place of a result."""
    return f"<p class='note'>{escape(text)}</p>"


def waiting(text: str) -> str:
    """Returns what a visitor waits for, above a bar that moves."""
    return f"<p class='note waiting'>{escape(text)}</p>"


def file_name(name: str) -> str:
    """Returns the name of a model as part of the name of a file, without slashes."""
    return re.sub(r"\W+", "-", name).strip("-")


def percent(probability: float) -> str:
    """Formats a probability with one decimal, and never rounds it to certainty."""
    if 0.9995 <= probability < 1:
        return "> 99.9 %"
    if 0 < probability < 0.0005:
        return "< 0.1 %"
    return f"{probability * 100:.1f} %"


def rounded(seconds: float) -> str:
    """Formats an estimate in whole seconds, or in minutes if there are many."""
    return f"{max(1, round(seconds))} s" if seconds < 120 else f"{round(seconds / 60)} min"


def duration(seconds: float) -> str:
    """Formats a time in milliseconds below a second, and in seconds above."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
