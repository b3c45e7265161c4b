import csv
import io

import pytest

from classifier.page.answer.csv_table import csv_table


def read(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_a_table_reads_back_as_it_was() -> None:
    rows: list[list[object]] = [
        ["ein „Zitat“, mit Komma", 1],
        ['"quoted"\nline', 0.25],
        ["猫.jpg", ""],
    ]

    assert read(csv_table(("name", "value"), rows)) == [
        ["name", "value"],
        ["ein „Zitat“, mit Komma", "1"],
        ['"quoted"\nline', "0.25"],
        ["猫.jpg", ""],
    ]


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://a","b")']
)
def test_text_that_a_spreadsheet_would_run_is_harmless(text: str) -> None:
    assert read(csv_table(("name",), [[text]]))[1] == [f"'{text}"]


def test_numbers_stay_numbers() -> None:
    assert read(csv_table(("value",), [[-1.5]]))[1] == ["-1.5"]
