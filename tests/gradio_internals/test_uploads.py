"""The changes of how Gradio handles uploads."""

import gradio.routes
import pytest
from gradio.route_utils import FileUploadProgress

from classifier.gradio_internals import upload_progress
from tests.support.server import Server


def test_an_upload_with_form_fields_is_rejected(server: Server) -> None:
    response = server.http.post("/gradio_api/upload", files={"files": (None, b"a" * 1000)})

    assert response.status_code == 400
    assert response.text == "An upload can contain files only."


def test_the_progress_of_uploads_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses = FileUploadProgress()
    monkeypatch.setattr(gradio.routes, "file_upload_statuses", statuses)
    statuses.set_done("an upload that nobody asked for")
    upload_progress.forget()

    assert not gradio.routes.file_upload_statuses._statuses
