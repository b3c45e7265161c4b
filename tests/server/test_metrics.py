import json
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support.browsing import PICTURES
from tests.support.server import PROJECT, Server, serve

DASHBOARD = PROJECT / "deploy" / "grafana.json"


def metrics(server: Server) -> dict[tuple[str, ...], float]:
    """Returns the value of each metric, by its name and its labels."""
    answer = server.http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_jobs_and_their_errors_are_counted(server: Server) -> None:
    before = metrics(server)
    good = server.ended(server.submit(PICTURES[6], "tiny").json()["job_id"])
    upload = {"image": ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(40))}
    bad = server.http.post("/classifications", data={"model_id": "tiny"}, files=upload)

    after = metrics(server)

    def grown(*name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert good["task_status"] == "finished"
    assert bad.status_code == 422
    assert grown("classifier_answers_total", "tiny") >= 1
    assert grown("classifier_jobs_total", "finished") >= 1
    assert grown("classifier_inference_seconds_count", "tiny") >= 1
    assert grown("classifier_queue_seconds_count") >= 1
    assert grown("classifier_requests_total", "POST", "/classifications", "202") >= 1
    assert grown("classifier_requests_total", "POST", "/classifications", "422") >= 1
    assert after[("classifier_capacity",)] >= 1
    assert after[("classifier_working",)] == 1
    assert after[("classifier_waiting",)] >= 0
    assert after[("classifier_running",)] >= 0
    assert after[("classifier_model_memory_bytes", "tiny")] > 1e5


def test_an_answer_from_the_cache_is_a_job_too(server: Server) -> None:
    server.ended(server.submit(PICTURES[7], "tiny").json()["job_id"])
    before = metrics(server)[("classifier_jobs_total", "finished")]

    again = server.submit(PICTURES[7], "tiny").json()

    assert again["task_status"] == "finished"
    assert metrics(server)[("classifier_jobs_total", "finished")] == before + 1
    assert again["job_id"] in server.log.read_text()


def test_clients_cannot_create_labels(server: Server) -> None:
    for number in range(20):
        server.http.get(f"/nonsense-{number}")
        server.http.request(f"METHOD{number}", "/")
        server.http.get(f"/classifications/nonsense-{number}")
        server.submit(PICTURES[0], f"nonsense-{number}")

    text = server.http.get("/metrics").text

    assert "python_info" not in text  # the version of Python is nobody's business
    assert "nonsense" not in text
    assert "METHOD" not in text


def test_the_dashboard_shows_metrics_that_exist(server: Server) -> None:
    text = server.http.get("/metrics").text
    panels = json.loads(DASHBOARD.read_text())["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]

    names = {name for each in expressions for name in re.findall(r"classifier_\w+", each)}

    assert len(names) >= 8
    for name in names:
        base = re.sub(r"_(total|bucket)$", "", name)
        assert f"# TYPE {base}" in text, name


def test_a_job_is_one_line_of_json_without_the_users_data(tmp_path: Path) -> None:
    with serve(tmp_path, CLASSIFIER_LOG="json", CLASSIFIER_MODELS="tiny") as server:
        upload = {"image": ("secret-name.jpg", (server.images / PICTURES[0]).read_bytes())}
        answer = server.http.post("/classifications", data={"model_id": "tiny"}, files=upload)
        job = answer.json()["job_id"]
        server.ended(job)
    lines = [line for line in server.log.read_text().splitlines() if job in line]

    assert len(lines) == 1
    found = json.loads(lines[0])
    assert found["message"] == "job ended"
    assert {name: found[name] for name in ("job", "status", "model", "level")} == {
        "job": job,
        "status": "finished",
        "model": "tiny",
        "level": "info",
    }
    assert found["inference_seconds"] > 0
    assert found["queued_seconds"] >= 0
    assert "secret-name" not in server.log.read_text()
