"""The endpoints /models and /compare, through gradio_client."""

import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError

from classifier.models.catalogue import load
from classifier.settings import MODELS
from tests.support.browsing import PICTURES
from tests.support.server import PROJECT, Server

DOWNLOADED = ("efficientnet_lite0", "tiny")


def test_models_lists_facts_and_measured_times(server: Server) -> None:
    client = server.client()
    client.predict(PICTURES[0], "tiny", api_name="/classify")
    models = client.predict(api_name="/models")

    assert [model["name"] for model in models] == list(MODELS)
    for model, known in zip(models, load(MODELS).values(), strict=True):
        assert model["parameters"] == known.parameters
        assert model["labels"] == len(known.labels)
        assert model["gigaflops"] == pytest.approx(known.gigaflops, abs=0.001)
        assert model["accuracy"] == pytest.approx(known.accuracy, abs=1e-5)
        assert model["fetched"] is (model["name"] in DOWNLOADED)
        # No time without a prediction. Other tests may have used the models that are here.
        assert model["seconds"] is None or model["name"] in DOWNLOADED
        assert model["description"] == known.description
    assert 0 < models[MODELS.index("tiny")]["seconds"] < 10


def test_compare_returns_an_answer_or_an_error_for_each_model(downloading_server: Server) -> None:
    client = downloading_server.client()
    picture = handle_file(PROJECT / "images" / PICTURES[0])
    record = client.predict(picture, ["tiny", "alexnet", "tiny"], api_name="/compare")

    assert record["image"] == PICTURES[0]
    tiny, alexnet = record["answers"]
    alone = client.predict(PICTURES[0], "tiny", api_name="/classify")
    assert tiny["predictions"] == alone["predictions"]
    assert (tiny["model"], tiny["labels"], tiny["megabytes"]) == ("tiny", 200, 5.5)
    assert tiny["seconds"] > 0
    assert alexnet["error"].startswith("The weights of alexnet in")
    assert record["agreement"] is None


@pytest.mark.parametrize(
    ("image", "models", "message"),
    [
        (PICTURES[0], [], "The models are []; expected a list of at least one name."),
        (PICTURES[0], "tiny", "The models are 'tiny'; expected a list"),
        (PICTURES[0], ["tiny", "x"], "No model is called 'x'; valid: efficientnet_lite0, tiny"),
        ("x.jpg", ["tiny"], "No picture is called 'x.jpg'"),
        ({"path": "/etc/passwd"}, ["tiny"], "There is no uploaded file 'passwd'"),
    ],
)
def test_invalid_comparisons_are_explained(
    server: Server, image: object, models: object, message: str
) -> None:
    with pytest.raises(AppError) as raised:
        server.client().predict(image, models, api_name="/compare")
    assert str(raised.value).startswith(message)
