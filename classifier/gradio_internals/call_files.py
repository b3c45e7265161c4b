"""
Gradio 6.31: fetches files that a call names by URL, in the queue and without limits.
Without it: tests/gradio_internals/test_calls.py::test_only_uploaded_files_are_accepted
Remove when: Gradio has a setting that limits files to those uploaded to the server.
"""

from collections.abc import Iterator
from os.path import normpath
from pathlib import Path
from typing import Any

import gradio
from gradio.block_function import BlockFunction
from gradio.utils import get_upload_folder

from classifier.errors import show

FILE_MARK = {"_type": "gradio.FileData"}  # Gradio recognises files by this


class CallFiles(gradio.Blocks):
    """Rejects calls that name files outside the upload folder."""

    def validate_inputs(self, block_fn: BlockFunction, inputs: list[Any]) -> None:
        folder = get_upload_folder()
        for path in _paths(inputs):
            if not isinstance(path, str) or not Path(normpath(path)).is_relative_to(folder):
                raise gradio.Error(
                    f"The file {show(path)} was not uploaded to this server; upload it first.",
                    print_exception=False,
                )
        super().validate_inputs(block_fn, inputs)


def _paths(value: Any) -> Iterator[Any]:
    """Yields the paths of everything that Gradio would treat as a file."""
    if isinstance(value, dict):
        if "path" in value and "meta" in value:
            yield value["path"] if value["meta"] == FILE_MARK else None
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _paths(part)
