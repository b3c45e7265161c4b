"""
Gradio 6.31: takes descriptions of parameters from docstrings for MCP, but not for the API page.
Without it: tests/gradio_internals/test_calls.py::test_parameters_are_described
Remove when: `Blocks.get_api_info` contains the descriptions from docstrings.
"""

from typing import Any

import gradio
from gradio.utils import get_function_description


class ApiDescriptions(gradio.Blocks):
    """Describes the parameters of endpoints with the text of their docstrings."""

    def get_api_info(self, all_endpoints: bool = False, page: str | None = None) -> Any:
        info = super().get_api_info(all_endpoints, page)
        functions = {f"/{function.api_name}": function.fn for function in self.fns.values()}
        for name, endpoint in info["named_endpoints"].items():
            _, parameters, _ = get_function_description(functions[name])
            for parameter in endpoint["parameters"]:
                text = parameters.get(parameter["parameter_name"], "")
                parameter["label"] = parameter["parameter_name"]
                parameter["python_type"]["description"] = text
        return info
