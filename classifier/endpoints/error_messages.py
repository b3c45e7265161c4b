"""Errors for clients: a sentence for each, and never a traceback."""

import inspect
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing, contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar, get_args

import gradio

from classifier.errors import ClassifierError

log = logging.getLogger(__name__)
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

FAILED = "The server failed to process this; its log has the details. Try again."


def with_error_messages(
    function: Callable[Parameters, Awaitable[Result]],
) -> Callable[Parameters, Coroutine[Any, Any, Result]]:
    """Decorates an endpoint: its errors reach the client as sentences."""

    @wraps(function)
    async def decorated(*values: Parameters.args, **named: Parameters.kwargs) -> Result:
        with _error_messages(function.__name__):
            return await function(*values, **named)

    return decorated


def with_error_messages_in_stream(
    function: Callable[Parameters, AsyncGenerator[Result]],
) -> Callable[Parameters, AsyncGenerator[Result]]:
    """Decorates an endpoint that yields results; its signature shows the type of one result."""

    @wraps(function)
    async def decorated(
        *values: Parameters.args, **named: Parameters.kwargs
    ) -> AsyncGenerator[Result]:
        with _error_messages(function.__name__):
            # Close the inner generator together with this one, so that its work ends.
            async with aclosing(function(*values, **named)) as results:
                async for result in results:
                    yield result

    signature = inspect.signature(function)
    result_type = get_args(signature.return_annotation)[0]
    decorated.__signature__ = signature.replace(  # type: ignore[attr-defined]
        return_annotation=result_type
    )
    return decorated


def client_error(message: str) -> gradio.Error:
    """Returns an error whose message reaches the client, without a traceback in the log."""
    return gradio.Error(message, print_exception=False)


@contextmanager
def _error_messages(name: str) -> Iterator[None]:
    try:
        yield
    except ClassifierError as error:
        raise client_error(str(error)) from error
    except gradio.Error:
        raise
    except Exception as error:
        log.exception("%s failed", name)
        raise client_error(FAILED) from error
