"""The endpoint /explain, through gradio_client."""

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from PIL import Image, ImageStat

from tests.support.server import PROJECT, Server

BARN = PROJECT / "images" / "barn.jpg"


def test_explain_returns_the_prediction_and_a_heatmap_for_each_label(server: Server) -> None:
    client = server.client()
    answer = client.predict("barn.jpg", "tiny", api_name="/classify")

    record = client.predict("barn.jpg", "tiny", api_name="/explain")

    for part in ("model", "image", "predictions"):
        assert record[part] == answer[part]
    assert record["view"] == {"left": 0, "top": 0, "right": 1, "bottom": 1}
    explained = record["explanations"]
    assert [
        {name: part[name] for name in ("label", "probability")} for part in explained
    ] == answer["predictions"]
    pictures = []
    for part in explained:
        assert [len(row) for row in part["map"]] == [16] * 16
        assert max(place for row in part["map"] for place in row) == 1
        with Image.open(part["overlay"]) as opened_file:
            pictures.append(opened_file.convert("L"))
        assert pictures[-1].size == (512, 512)
    # The model takes the silo for a beacon, so the silo is brighter in that heatmap.
    silo = (420, 130, 490, 280)
    barn, beacon = (ImageStat.Stat(picture.crop(silo)).mean[0] for picture in pictures[:2])
    assert explained[1]["label"] == "beacon"
    assert beacon > barn + 20


def test_a_file_and_the_same_picture_of_the_gallery_have_the_same_heatmap(server: Server) -> None:
    client = server.client()
    named = client.predict("barn.jpg", "tiny", "beacon", api_name="/explain")
    given = client.predict(handle_file(BARN), "tiny", "beacon", api_name="/explain")

    assert given["image"] == "barn.jpg"
    (one,), (other,) = named["explanations"], given["explanations"]
    assert one["map"] == other["map"]
    assert one["label"] == other["label"] == "beacon"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (["nothing.jpg", "tiny", None], "No picture is called 'nothing.jpg'"),
        ([{"path": "/etc/passwd"}, "tiny", None], "There is no uploaded file 'passwd'"),
        (["barn.jpg", "tin", None], "No model is called 'tin'"),
        (["barn.jpg", "tiny", "barns"], "No label of tiny is called 'barns'; the closest"),
        (["barn.jpg", "tiny", ["barn"]], "No label of tiny is called ['barn']"),
        (["barn.jpg", "tiny", 7], "No label of tiny is called 7"),
    ],
)
def test_invalid_requests_are_explained(server: Server, data: list[object], message: str) -> None:
    with pytest.raises(AppError) as raised:
        server.client().predict(*data, api_name="/explain")

    assert str(raised.value).startswith(message)
    assert "Traceback" not in server.log.read_text()
