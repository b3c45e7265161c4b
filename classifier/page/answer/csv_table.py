"""CSV tables that spreadsheets open correctly and safely."""

import csv
import io
from collections.abc import Iterable, Sequence

# Spreadsheets treat a cell that starts like this as a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Returns the rows under their header as CSV.

    Text that a spreadsheet would run gets an apostrophe in front. A byte order mark tells
    spreadsheets that the text is UTF-8.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return "\ufeff" + text.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value
