"""
Gradio 6.31: ignores surplus values of a call, and answers missing ones with an empty error.
Without it: tests/gradio_internals/test_calls.py::test_a_wrong_number_of_values_gets_a_sentence
Remove when: Gradio rejects a wrong number of values with a message.
"""

from typing import Any

import gradio
from gradio.block_function import BlockFunction


class CallValues(gradio.Blocks):
    """Rejects calls of public endpoints with a wrong number of values."""

    def validate_inputs(self, block_fn: BlockFunction, inputs: list[Any]) -> None:
        # Events of the page are left to Gradio: it adds a value to those that cancel.
        if block_fn.api_visibility != "public":
            super().validate_inputs(block_fn, inputs)
        elif len(inputs) != len(block_fn.inputs):
            names = ", ".join(block_fn.input_parameter_names or [])
            raise gradio.Error(
                f"/{block_fn.api_name} takes {len(block_fn.inputs)} values ({names}), "
                f"but the call has {len(inputs)}.",
                print_exception=False,
            )
