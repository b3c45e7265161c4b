"""Starting the server: at which address, and in which environment."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from classifier.errors import SettingError
from classifier.server import address, start
from classifier.server.app import App
from classifier.settings import Settings
from tests.support.server import PROJECT, environment, free_port


def test_a_taken_port_that_was_asked_for_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = subprocess.run(
            [sys.executable, "app.py"],
            cwd=PROJECT,
            env=environment(CLASSIFIER_CACHE=tmp_path, GRADIO_SERVER_PORT=port),
            capture_output=True,
            text=True,
            timeout=100,
        )

    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == (
        f"GRADIO_SERVER_PORT is {port}; expected a port that no other program uses."
    )
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["", "127.0.0.1", "0.0.0.0", "::", "::1", "localhost"])
def test_addresses_of_this_machine_are_valid(name: str) -> None:
    address.check(Settings(server_name=name, server_port=free_port()))
    address.check(Settings(server_name=name))


@pytest.mark.parametrize(
    "name", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid", "a\0b", "ü" * 80]
)
def test_other_addresses_are_errors(name: str) -> None:
    with pytest.raises(
        SettingError, match=r"GRADIO_SERVER_NAME is .*; expected an address of this"
    ):
        address.check(Settings(server_name=name))


@pytest.mark.parametrize(
    ("name", "gradio"), [("", None), ("0.0.0.0", "0.0.0.0"), ("::1", "[::1]"), ("::", "[::]")]
)
def test_gradio_gets_an_ipv6_address_in_brackets(name: str, gradio: str | None) -> None:
    assert address.name_for_gradio(Settings(server_name=name)) == gradio


def test_a_start_without_any_free_port_ends_with_a_sentence() -> None:
    class Crowded:
        def launch(self) -> None:
            raise OSError("Cannot find empty port in range: 7860-7959.")

    with pytest.raises(SystemExit, match="Cannot find empty port in range: 7860-7959"):
        start.serve(cast(App, Crowded()))
