"""Tables as CSV that spreadsheets open rightly, and without harm."""

import csv
import io
from collections.abc import Iterable, Sequence

# A cell that begins so is a formula to a spreadsheet, whoever wrote it.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The rows under their header, as CSV.

    Text that a spreadsheet would run is quoted with an apostrophe, and a mark at the start
    says that it is UTF-8.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return "\ufeff" + text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULAS):
        return f"'{value}"
    return value
