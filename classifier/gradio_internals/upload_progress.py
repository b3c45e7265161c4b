"""
Gradio 6.31: never forgets the progress of uploads that no client asked for.
Without it: tests/gradio_internals/test_uploads.py::test_the_progress_of_uploads_is_forgotten
Remove when: Gradio deletes the status of finished uploads.
"""

import gradio.routes
from gradio.route_utils import FileUploadProgress


def forget() -> None:
    """Forgets the progress of all uploads. The server calls this at every cleanup."""
    gradio.routes.file_upload_statuses = FileUploadProgress()
