"""
Gradio 6.31: MCP fetches URLs, returns Python literals, blocks a thread a call, hides the caller.
Without it: tests/gradio_internals/test_mcp_tools.py::test_a_tool_returns_json
Remove when: results are JSON, calls can contain files, no URL is fetched, the caller is passed on.
"""

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

FILE_FORMAT = "a data: URL with the file in base64"


def install(folder: Path) -> None:
    """Makes Gradio serve these tools. Files in calls are saved in the upload folder."""

    class Tools(_Tools):
        upload_folder = folder

    gradio.mcp.GradioMCPServer = Tools


class _Tools(gradio.mcp.GradioMCPServer):
    upload_folder: Path
    _file_data_tool_description = ""  # it describes a tool that is not served here

    def get_input_schema(self, *values: Any) -> Any:
        """Describes files as data: URLs, because no URL on the web is fetched."""
        schema, positions = super().get_input_schema(*values)
        return _with_data_urls(schema), positions

    def convert_strings_to_filedata(self, value: Any, positions: Any) -> Any:
        """Saves each data: URL in the arguments as an uploaded file.

        Raises InputError for an address on the web, or a file that cannot be decoded.
        """
        if isinstance(value, dict):
            return {
                name: self.convert_strings_to_filedata(part, positions)
                for name, part in value.items()
            }
        if isinstance(value, list):
            return [self.convert_strings_to_filedata(part, positions) for part in value]
        if isinstance(value, str) and value.startswith(("http://", "https://")):
            raise InputError(f"The server does not fetch files from the web; send {FILE_FORMAT}.")
        if isinstance(value, str) and value.startswith("data:"):
            try:
                return handle_file(save_base64_to_cache(value, str(self.upload_folder)))
            except ValueError as error:
                raise InputError(f"The file cannot be decoded; send {FILE_FORMAT}.") from error
        return value

    def _prepare_tool_call_args(self, *values: Any) -> Any:
        """Passes on who calls: Gradio sends the call to itself again, from this machine."""
        *prepared, headers, function = super()._prepare_tool_call_args(*values)
        client = self.mcp_server.request_context.request.client
        if client:
            headers["x-forwarded-for"] = client.host
        return *prepared, headers, function

    async def _execute_tool_without_progress(self, job: Any) -> list[Any]:
        """Waits for a result without blocking a thread, and cancels the job with the call."""
        try:
            return [await asyncio.wrap_future(job.future)]
        except asyncio.CancelledError:
            job.cancel()
            raise

    def postprocess_output_data(self, data: Sequence[Any], root_url: str) -> Any:
        """Converts results to JSON, where Gradio would return Python literals."""
        results = [
            json.dumps(part)
            if isinstance(part, dict | list) and not is_file_obj_with_meta(part)
            else part
            for part in data
        ]
        return super().postprocess_output_data(results, root_url)


def _with_data_urls(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_with_data_urls(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if str(schema.get("format")).startswith("Gradio File"):
        # The rest of the schema describes a record that is used elsewhere, so it is dropped.
        description = schema.get("description", FILE_FORMAT)
        return {"type": "string", "description": description, "format": FILE_FORMAT}
    return {name: _with_data_urls(part) for name, part in schema.items()}
