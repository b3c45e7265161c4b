"""The endpoints as tools of the Model Context Protocol, for programs that choose by themselves."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio.mcp
from gradio.processing_utils import save_base64_to_cache
from gradio_client import handle_file
from gradio_client.utils import is_file_obj_with_meta

from classifier.errors import InputError

FILE = "a data: URL that holds the file in base64"


def offer(uploads: Path) -> None:
    """Lets Gradio serve these tools. What comes with a call lies among the uploads."""

    class Tools(_Tools):
        folder = uploads

    gradio.mcp.GradioMCPServer = Tools


class _Tools(gradio.mcp.GradioMCPServer):
    """Gradio's own, mended where it would mislead: results are JSON, files come with the call."""

    folder: Path
    _file_data_tool_description = ""  # of a tool that is not here

    def get_input_schema(self, *values: Any) -> Any:
        """Gradio's own, which speaks of addresses on the web; no file is fetched from there."""
        schema, positions = super().get_input_schema(*values)
        return _described(schema), positions

    def convert_strings_to_filedata(self, value: Any, positions: Any) -> Any:
        """The arguments with each data: URL as an uploaded file.

        Raises InputError for an address on the web or a file that cannot be read.
        """
        if isinstance(value, dict):
            return {
                name: self.convert_strings_to_filedata(part, positions)
                for name, part in value.items()
            }
        if isinstance(value, list):
            return [self.convert_strings_to_filedata(part, positions) for part in value]
        if isinstance(value, str) and value.startswith(("http://", "https://")):
            raise InputError(f"Nothing is fetched from the web; send {FILE}.")
        if isinstance(value, str) and value.startswith("data:"):
            try:
                return handle_file(save_base64_to_cache(value, str(self.folder)))
            except ValueError as error:
                raise InputError(f"The file cannot be read; send {FILE}.") from error
        return value

    async def _execute_tool_without_progress(self, job: Any) -> list[Any]:
        """The result, waited for without a thread; no longer wanted, it is not worked on."""
        try:
            return [await asyncio.wrap_future(job.future)]
        except asyncio.CancelledError:
            job.cancel()
            raise

    def postprocess_output_data(self, data: Sequence[Any], root_url: str) -> Any:
        """What the model that asked gets to read; Gradio would write it as Python does."""
        told = [
            json.dumps(part)
            if isinstance(part, dict | list) and not is_file_obj_with_meta(part)
            else part
            for part in data
        ]
        return super().postprocess_output_data(told, root_url)


def _described(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_described(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if str(schema.get("format")).startswith("Gradio File"):
        # What is left of the record that stands for a file elsewhere goes.
        return {"type": "string", "description": schema.get("description", FILE), "format": FILE}
    return {name: _described(part) for name, part in schema.items()}
