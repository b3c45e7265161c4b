"""
Gradio 6.31: keeps form fields of any size in memory that an upload contains next to its files.
Without it: tests/gradio_internals/test_uploads.py::test_an_upload_with_form_fields_is_rejected
Remove when: Gradio limits or rejects form fields in uploads.
"""

import gradio.route_utils
from gradio.route_utils import GradioMultiPartParser
from starlette.formparsers import MultiPartException


class FilesOnlyParser(GradioMultiPartParser):
    """Gradio's parser for uploads, which rejects everything that is not a file."""

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current_part.file is None:
            raise MultiPartException("An upload can contain files only.")
        super().on_part_data(data, start, end)


def install() -> None:
    """Makes Gradio parse uploads with this parser. The upload route looks it up by its name."""
    gradio.route_utils.GradioMultiPartParser = FilesOnlyParser
