"""What can go wrong, in sentences for the person who meets it."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

LONGEST_COMPARED = 200  # characters of a wrong name; the time that it takes grows with them


class ClassifierError(Exception):
    """Base of every error this package raises on purpose; its text is for people."""


class SettingError(ClassifierError):
    """Raised if a setting has a value that cannot be used."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(f"{name} is {show(value)}; expected {expected}.")


class InputError(ClassifierError):
    """Raised if a caller's value is not valid; nothing else is affected."""


class UnknownNameError(InputError):
    """Raised if a name is not among those on offer."""

    def __init__(self, kind: str, name: object, valid: Iterable[str]) -> None:
        self.valid = list(valid)
        super().__init__(f"No {kind} is called {show(name)}; {offer(name, self.valid)}.")


class PictureError(InputError):
    """Raised if a file is not a picture that can be read."""


class WeightsError(ClassifierError):
    """Raised if the weights of a model cannot be had."""


class BusyError(ClassifierError):
    """Raised if no job can be taken now; perhaps `seconds` from now."""

    def __init__(self, reason: str, seconds: int) -> None:
        super().__init__(f"{reason} Try again in {seconds} s.")
        self.seconds = seconds


class TooLargeError(InputError):
    """Raised if a caller sends more bytes than are taken."""


class RecordError(ClassifierError):
    """Raised if the record of jobs cannot be read or written."""


class RecordHeldError(RecordError):
    """Raised if another server keeps the record of jobs."""


def show(value: Any, longest: int = 80) -> str:
    """A caller's value as it may stand in a message: quoted, on one line, not too long."""
    if isinstance(value, str):
        value = value[: longest + 1]  # the rest is not worth looking through
    text = " ".join(repr(value).splitlines())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def offer(name: object, valid: list[str], most: int = 12) -> str:
    """The valid names that lie nearest to a wrong one, or all if they are few."""
    if not valid:
        return "there are none"

    def listed(names: list[str]) -> str:
        return ", ".join(name if name.isprintable() else show(name) for name in names)

    if len(valid) <= most:
        return "valid: " + listed(valid)
    near = []
    if isinstance(name, str) and len(name) <= LONGEST_COMPARED:
        near = get_close_matches(name, valid, n=3)
    if near:
        return f"the nearest of {len(valid)} valid names: " + listed(near)
    return f"{len(valid)} names are valid, among them " + listed(valid[:most])
