"""
Gradio 6.31: knows the public address of the page and raises errors for unknown endpoints.
Without it: tests/gradio_internals/test_calls.py::test_an_unknown_endpoint_gets_the_valid_names
Remove when: Gradio documents both, and answers 404 instead of 500.
"""

from gradio.route_utils import FnIndexInferError, get_root_url
from starlette.requests import Request

UnknownEndpointError = FnIndexInferError

# Paths where Gradio raises a KeyError for an unknown function or page.
LOOKUP_PATHS = frozenset({"/", "/gradio_api/queue/join"})


def page_address(request: Request, path: str) -> str:
    """Returns the address of the page as clients see it, without a slash at the end.

    `path` is the path of the route that handles the request.
    """
    address: str = get_root_url(request, path, request.app.root_path)
    return address
