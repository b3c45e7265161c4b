"""gr.Blocks, taught to speak plainly to programs that call the endpoints."""

from collections.abc import Iterator
from os.path import normpath
from pathlib import Path
from typing import Any

import gradio
from gradio.block_function import BlockFunction
from gradio.utils import get_function_description, get_upload_folder

from classifier.errors import InputError, show
from classifier.queueing import Queue, Sessions, hasten

FILE = {"_type": "gradio.FileData"}  # the mark that Gradio knows a file by


class Blocks(gradio.Blocks):
    """Describes each parameter of an endpoint from its docstring, and counts what it gets."""

    tickets: Any  # the jobs that last, of the server that serves this page

    def queue(self, *values: Any, **named: Any) -> "Blocks":
        """Gradio's own, with a queue that lasts."""
        super().queue(*values, **named)
        self._queue.__class__ = Queue
        self._queue.open()
        return self

    def run_startup_events(self) -> None:
        """Gradio's own, with sessions and routes that cost little."""
        self.state_holder.__class__ = Sessions
        hasten(self.app)
        super().run_startup_events()

    def get_api_info(self, all_endpoints: bool = False, page: str | None = None) -> Any:
        """Gradio's description of the endpoints, with what the docstrings say of parameters."""
        info = super().get_api_info(all_endpoints, page)
        described = {f"/{function.api_name}": function.fn for function in self.fns.values()}
        for name, endpoint in info["named_endpoints"].items():
            _, parameters, _ = get_function_description(described[name])
            for parameter in endpoint["parameters"]:
                text = parameters.get(parameter["parameter_name"], "")
                parameter["label"] = parameter["parameter_name"]
                parameter["python_type"]["description"] = text
        return info

    def validate_inputs(self, block_fn: BlockFunction, inputs: list[Any]) -> None:
        """Raises gradio.Error unless there is one value for each parameter.

        Gradio itself ignores values too many and answers values too few without a word.
        The page's own events are left to it: it adds a value to the one that cancels.
        And it would fetch a file from wherever a call says that it is.
        """
        folder = get_upload_folder()
        for path in _files(inputs):
            if not isinstance(path, str) or not Path(normpath(path)).is_relative_to(folder):
                raise plain(
                    InputError(f"The file {show(path)} was not uploaded here; upload it first.")
                )
        if block_fn.api_visibility != "public":
            super().validate_inputs(block_fn, inputs)
        elif len(inputs) != len(block_fn.inputs):
            names = ", ".join(block_fn.input_parameter_names or [])
            raise plain(
                InputError(
                    f"/{block_fn.api_name} takes {len(block_fn.inputs)} values ({names}); "
                    f"{len(inputs)} came."
                )
            )


def _files(value: Any) -> Iterator[Any]:
    """The paths of all that Gradio would take for a file."""
    if isinstance(value, dict):
        if "path" in value and "meta" in value:
            yield value["path"] if value["meta"] == FILE else None
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _files(part)


def plain(error: Exception) -> gradio.Error:
    """An error whose text reaches the caller and leaves no traceback in the log."""
    return gradio.Error(str(error), print_exception=False)
