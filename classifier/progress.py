"""How far a download is, on the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from classifier.download import Report

FORMAT = "{desc}: {percentage:3.0f} %|{bar}| {elapsed} elapsed, {remaining} left"


@contextmanager
def terminal(name: str) -> Iterator[Report]:
    """A bar of that name, drawn until the context ends, that a report moves."""
    with tqdm(total=100, desc=name, bar_format=FORMAT) as bar:

        def report(part: float) -> None:
            bar.update(round(part * 100) - bar.n)

        yield report
