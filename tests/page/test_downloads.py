import csv
import io
import json
import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, unquote

from classifier.inference.prediction import LabelProbability, Prediction
from classifier.page.answer.downloads import address, downloads
from classifier.pictures.edits import Edits

EVIL = "=cmd|' /C calc'!A0 \"><img src=x onerror=alert(1)>.jpg"
PREDICTION = Prediction(
    "tiny", EVIL, (LabelProbability("<b>", 0.75), LabelProbability("+1", 0.25)), 0.0123, "cpu"
)


def links(text: str) -> dict[str, str]:
    return {
        unescape(name): unescape(link)
        for link, name in re.findall(r"<a href='([^']*)'[^>]*>([^<]*)</a>", text)
    }


def content(link: str) -> str:
    return unquote(link.split(",", 1)[1])


def test_the_json_is_the_record_and_what_was_edited() -> None:
    plain = links(downloads(PREDICTION, Edits(), None, in_gallery=True))
    edited = links(downloads(PREDICTION, Edits(brightness=2), Path("/u/0/a.png"), in_gallery=True))

    assert json.loads(content(plain["JSON"])) == PREDICTION.record()
    assert json.loads(content(edited["JSON"])) == {
        **PREDICTION.record(),
        "edits": Edits(brightness=2).values(),
    }


def test_the_csv_has_a_row_for_each_label_and_no_formulas() -> None:
    text = content(links(downloads(PREDICTION, Edits(), None, in_gallery=True))["CSV"])

    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert rows == [
        ["picture", "model", "rank", "label", "probability"],
        [f"'{EVIL}", "tiny", "1", "<b>", "0.750000"],
        [f"'{EVIL}", "tiny", "2", "'+1", "0.250000"],
    ]


def test_a_name_cannot_put_markup_into_the_page() -> None:
    text = downloads(PREDICTION, Edits(flip="vertical"), Path("/u/0/a'b.png"), in_gallery=True)

    assert "<img" not in text
    assert "<b>" not in text
    assert set(links(text)) == {"JSON", "CSV", "PNG", "edited picture", "link to picture and model"}


def test_only_what_there_is_is_offered() -> None:
    assert set(links(downloads(PREDICTION, Edits(), None, in_gallery=False))) == {
        "JSON",
        "CSV",
        "PNG",
    }


def test_the_address_says_what_was_asked() -> None:
    query = address("a b&c.jpg", "tiny", Edits(brightness=1.5, rotation=-15, flip="vertical"))

    assert parse_qs(query.removeprefix("?")) == {
        "picture": ["a b&c.jpg"],
        "model": ["tiny"],
        "brightness": ["1.5"],
        "rotation": ["-15"],
        "flip": ["vertical"],
    }
