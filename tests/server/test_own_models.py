"""A model of one's own, through everything that the server offers."""

from collections.abc import Iterator

import pytest
from gradio_client.exceptions import AppError

from tests.models.own.test_onnx_format import LABELS
from tests.models.own.test_onnx_format import save as save_onnx
from tests.models.own.test_timm_format import save as save_timm
from tests.support.browsing import PICTURES
from tests.support.server import Server, serve


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str, str]]:
    """A server with a model of timm and an ONNX file, and the names of both."""
    folder = tmp_path_factory.mktemp("own")
    save_timm(folder / "timm", safe_serialization=True)
    save_onnx(folder / "onnx")
    names = [str(folder / kind) for kind in ("timm", "onnx")]
    with serve(folder / "server", CLASSIFIER_MODELS=",".join(names)) as server:
        yield server, names[0], names[1]


def test_every_endpoint_works_with_them(own: tuple[Server, str, str]) -> None:
    server, *names = own
    client = server.client()
    assert client.predict(api_name="/info")["models"] == names
    for facts in client.predict(api_name="/models"):
        assert (facts["labels"], facts["fetched"]) == (3, True)
        assert facts["accuracy"] is facts["gigaflops"] is facts["judged_on"] is None

    for name in names:
        record = client.predict(PICTURES[0], name, api_name="/classify")
        predictions = record["predictions"]
        assert {top["label"] for top in predictions} == set(LABELS)

        state = server.ended(server.submit(PICTURES[0], name).json()["job_id"])
        assert [label for label, _ in state["data"]] == [top["label"] for top in predictions]

        batch = client.predict([PICTURES[0]], name, api_name="/classify_batch")
        assert batch["rows"][0]["predictions"] == predictions

    compared = client.predict(PICTURES[0], names, api_name="/compare")
    assert [len(answer["predictions"]) for answer in compared["answers"]] == [3, 3]


def test_an_explanation_works_or_says_why_not(own: tuple[Server, str, str]) -> None:
    server, network, file = own
    record = server.client().predict(PICTURES[0], network, api_name="/explain")
    assert {part["label"] for part in record["explanations"]} == set(LABELS)

    with pytest.raises(AppError, match="cannot be explained: it is an ONNX file"):
        server.client().predict(PICTURES[0], file, api_name="/explain")
    assert "Traceback" not in server.log.read_text()
