"""The cache of results for pictures of the gallery."""

import inspect
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, TypeVar, cast

from cachetools import LRUCache

from classifier.endpoints.services import Services
from classifier.errors import ClassifierError
from classifier.pictures.gallery import file_version

MAX_RESULTS = 1000  # a few kilobytes each
Function = TypeVar("Function", bound=Callable[..., Any])


def cache_results(services: Services, function: Function) -> Function:
    """Decorates an endpoint with the parameters `image` and `model`.

    The queue finds cached results through the attribute `cached`, so repeated requests do not
    wait. Where every job is held to demonstrate the queue, nothing is cached.
    """
    if services.classifier.delay_seconds:
        return function
    results: LRUCache[Hashable, Any] = LRUCache(MAX_RESULTS)
    # Computed once: Gradio inspects the signature at every call.
    signature = inspect.signature(function)

    def key(image: object, model: object) -> Hashable:
        try:
            return file_version(services.gallery.path(image)), str(model)
        except (ClassifierError, OSError):
            return None  # the endpoint itself reports the error

    @wraps(function)
    async def decorated(image: Any, model: Any) -> Any:
        found = key(image, model)
        result = await function(image, model)
        if found:
            results[found] = result
        return result

    def cached(*values: Any) -> Any:
        return results.get(key(*values)) if len(values) == len(signature.parameters) else None

    decorated.__signature__ = signature  # type: ignore[attr-defined]
    decorated.cached = cached  # type: ignore[attr-defined]
    return cast(Function, decorated)
