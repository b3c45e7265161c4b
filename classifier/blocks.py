"""gr.Blocks, taught to speak plainly to programs that call the endpoints."""

from collections.abc import Iterator
from os.path import normpath
from pathlib import Path
from typing import Any

import gradio
from gradio.block_function import BlockFunction
from gradio.caching import CacheMissError, _probe_mode_active
from gradio.queueing import Event
from gradio.server_messages import EventMessage, ProcessCompletedMessage
from gradio.utils import get_function_description, get_upload_folder

from classifier.errors import InputError, show

FILE = {"_type": "gradio.FileData"}  # the mark that Gradio knows a file by


class Queue(gradio.queueing.Queue):
    """Gradio's queue, mended where it would stop or grow.

    Gradio keeps the mailboxes of 2,000 sessions. A message to one that had to make room
    would stop the queue, for everyone and for good. And it forgets an event when it is done,
    but not one that was answered from memory.
    """

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """Sends to whoever asked, if anyone can still hear it."""
        try:
            super().send_message(event, event_message)
        except KeyError:
            event.alive = False
        if isinstance(event_message, ProcessCompletedMessage) and event_message.used_cache:
            self.event_ids_to_events.pop(event._id, None)
            self.blocks.app.iterators.pop(event._id, None)


class Blocks(gradio.Blocks):
    """Describes each parameter of an endpoint from its docstring, and counts what it gets."""

    def queue(self, *values: Any, **named: Any) -> "Blocks":
        """Gradio's own, with a queue that lasts."""
        super().queue(*values, **named)
        self._queue.__class__ = Queue
        return self

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

    async def process_api(self, *values: Any, **named: Any) -> Any:
        """Gradio's own; an error of a look into the memory of answers is no error yet.

        Gradio looks there before it queues a question, and would answer 500 to whatever is
        wrong with it. Asked in its turn it gets its sentence.
        """
        try:
            return await super().process_api(*values, **named)
        except Exception as error:
            if _probe_mode_active.get():
                raise CacheMissError from error
            raise

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
