"""A progress bar on the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from classifier.download import ProgressCallback

FORMAT = "{desc}: {percentage:3.0f} %|{bar}| {elapsed} elapsed, {remaining} left"


@contextmanager
def progress_bar(name: str) -> Iterator[ProgressCallback]:
    """Shows a bar while the context is open; the returned callback moves it."""
    with tqdm(total=100, desc=name, bar_format=FORMAT) as bar:

        def report(fraction: float) -> None:
            bar.update(round(fraction * 100) - bar.n)

        yield report
