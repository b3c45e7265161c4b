"""The notice about a wrong address as HTML."""

from collections.abc import Iterable
from html import escape


def notice(sentences: Iterable[str]) -> str:
    """Returns what is wrong with the address of the page."""
    text = " ".join(["The address of this page is only partly valid.", *sentences])
    return f"<p class='notice' role='status'>{escape(text)}</p>"
