"""The address that the server listens at."""

import errno
import socket

from classifier.errors import SettingError
from classifier.settings import Settings

DEFAULT_NAME = "127.0.0.1"
TAKEN = "a port that no other program uses"


def check(settings: Settings) -> None:
    """Raises SettingError if the server cannot listen at the address in the settings."""
    name = settings.server_name or DEFAULT_NAME
    port = settings.server_port or 0  # any port shows whether the name is right
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            name, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise SettingError(
            "GRADIO_SERVER_NAME", name, "an address of this machine, such as 0.0.0.0 or ::"
        ) from None
    try:
        with socket.socket(family, kind, protocol) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind(address)
    except OSError as error:
        expected = {
            errno.EADDRINUSE: TAKEN,
            errno.EACCES: "a port that you may use, from 1024 up",
        }.get(error.errno or 0)
        if expected:
            raise SettingError("GRADIO_SERVER_PORT", port, expected) from None
        raise SettingError("GRADIO_SERVER_NAME", name, "an address of this machine") from None


def name_for_gradio(settings: Settings) -> str | None:
    """Returns the name as Gradio expects it, or None for its default."""
    name = settings.server_name
    return f"[{name}]" if ":" in name else name or None
