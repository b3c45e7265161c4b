"""HEAD requests: uptime monitors and health checks of containers use them."""

import copy
from collections.abc import Iterable, Iterator

from starlette.routing import BaseRoute, Route


def with_head(routes: Iterable[BaseRoute]) -> Iterator[BaseRoute]:
    """Yields the routes, and one more for HEAD after each for GET.

    FastAPI adds none. The server sends the headers of the response to GET, without its body.
    """
    for route in routes:
        yield route
        if isinstance(route, Route) and route.methods and "GET" in route.methods:
            # A copy of its own, so that the documentation does not list HEAD.
            head = copy.copy(route)
            head.methods = {"HEAD"}
            yield head
