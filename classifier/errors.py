"""The errors of this package. Their messages are written for the people who see them."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

MAX_COMPARED = 200  # characters of a wrong name; comparing longer ones takes too long


class ClassifierError(Exception):
    """Base class of all errors that this package raises on purpose."""

    def __reduce__(self) -> Any:
        """Pickles the error with its message; Python would call `__init__` with it."""
        return _restore, (type(self), self.args, self.__dict__)


class SettingError(ClassifierError):
    """Raised if the value of a setting cannot be used."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(f"{name} is {show(value)}; expected {expected}.")


class InputError(ClassifierError):
    """Raised if a value in a request is not valid."""


class UnknownNameError(InputError):
    """Raised if a name does not exist; `valid` lists the names that do."""

    def __init__(self, kind: str, name: object, valid: Iterable[str]) -> None:
        self.valid = list(valid)
        super().__init__(f"No {kind} is called {show(name)}; {suggest(name, self.valid)}.")


class PictureError(InputError):
    """Raised if a file is not a picture that can be decoded."""


class TooLargeError(InputError):
    """Raised if a request is too large."""


class ModelError(ClassifierError):
    """Raised if the files of a model do not describe a classifier that can be offered."""


class WeightsError(ClassifierError):
    """Raised if the weights of a model cannot be downloaded or do not fit the model."""


class ClusterError(ClassifierError):
    """Raised if the machines that classify fail or cannot be reached."""


class BusyError(ClassifierError):
    """Raised if the server cannot accept a job now; `seconds` is when to try again."""

    def __init__(self, reason: str, seconds: int) -> None:
        super().__init__(f"{reason} Try again in {seconds} s.")
        self.seconds = seconds


class TooManyRequestsError(BusyError):
    """Raised if a caller has as many unfinished requests as it may have now."""


class JobStoreError(ClassifierError):
    """Raised if the job store cannot be read or written."""


class JobStoreLockedError(JobStoreError):
    """Raised if another server uses the job store."""


class JobStoreAwayError(JobStoreError):
    """Raised if the job store cannot be reached; `seconds` is when to try again."""

    def __init__(self, reason: str, seconds: int) -> None:
        super().__init__(f"{reason} Try again in {seconds} s.")
        self.seconds = seconds


class NoRoomError(ClassifierError):
    """Raised if the job store has no room for one more uploaded picture."""


def _restore(
    kind: type[ClassifierError], values: tuple[object, ...], state: dict[str, Any]
) -> ClassifierError:
    error = kind.__new__(kind, *values)
    error.__dict__.update(state)
    return error


def show(value: Any, max_length: int = 80) -> str:
    """Returns the quoted value for a message, on one line and shortened if it is long."""
    if isinstance(value, str):
        value = value[: max_length + 1]  # `repr` of a huge string would take long
    text = " ".join(repr(value).splitlines())
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"


def suggest(name: object, valid: list[str], max_names: int = 12) -> str:
    """Returns the valid names that are closest to a wrong one, or all of them if there are few."""
    if not valid:
        return "there are none"

    def listed(names: list[str]) -> str:
        return ", ".join(name if name.isprintable() else show(name) for name in names)

    if len(valid) <= max_names:
        return "valid: " + listed(valid)
    closest = []
    if isinstance(name, str) and len(name) <= MAX_COMPARED:
        closest = get_close_matches(name, valid, n=3)
    if closest:
        return f"the closest of {len(valid)} valid names: " + listed(closest)
    return f"{len(valid)} names are valid, for example " + listed(valid[:max_names])
