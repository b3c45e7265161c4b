"""Starts the app in a separate process, faster than a new Python interpreter would.

Importing torch and gradio takes several seconds. A fork server imports them once, and each app
is a fork of it. The child then runs the real entry point with the environment of the test.
"""

import multiprocessing
import os
import re
import runpy
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.support.app_process", "classifier.server.app"])


class AppProcess:
    """A running app, with the methods of `subprocess.Popen` that tests need."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        """Runs a file, or a module if the command starts with -m."""
        log.touch()
        self._process = _context.Process(
            target=_run, args=(list(command), folder, dict(environment), log), daemon=True
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """The ID of the process."""
        assert self._process.pid
        return self._process.pid

    def poll(self) -> int | None:
        """Returns the exit code, or None while the process is running."""
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """Waits for the process and returns its exit code; negative for a signal."""
        self._process.join(seconds)
        code = self._process.exitcode
        if code is None:
            raise TimeoutError(f"the app is still running after {seconds} s")
        return code

    def send_signal(self, number: int) -> None:
        """Sends a signal to the process if it is running."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Asks the process to stop."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the process immediately."""
        self.send_signal(signal.SIGKILL)


def has_launched(pid: int) -> bool:
    """Whether an app has finished its start: it then handles SIGTERM.

    It serves requests a moment earlier. A signal would end it immediately then, and Gradio
    has not been adapted completely.
    """
    status = Path(f"/proc/{pid}/status")
    if not status.exists():  # only Linux has this file
        return True
    caught = re.search(r"^SigCgt:\s*(\w+)$", status.read_text(), re.MULTILINE)
    assert caught
    return bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


def run_in_process(function: Callable[..., Any], *values: Any, seconds: float = 100) -> Any:
    """Calls a function in a separate process and returns its result."""
    receiving, sending = _context.Pipe(duplex=False)
    process = _context.Process(target=_call, args=(sending, function, values), daemon=True)
    process.start()
    try:
        if not receiving.poll(seconds):
            raise TimeoutError(f"{function.__name__} took more than {seconds} s")
        result, error = receiving.recv()
    finally:
        process.kill()
        process.join()
    assert error is None, error
    return result


def exit_code(function: Callable[..., Any], *values: Any, seconds: float = 100) -> int:
    """Calls a function in a separate process and returns the exit code of the process."""
    process = _context.Process(target=function, args=values, daemon=True)
    process.start()
    process.join(seconds)
    code = process.exitcode
    if code is None:
        process.kill()
        raise TimeoutError(f"{function.__name__} took more than {seconds} s")
    return code


def _call(sending: Connection, function: Callable[..., Any], values: Sequence[Any]) -> None:
    try:
        sending.send((function(*values), None))
    except BaseException:
        sending.send((None, traceback.format_exc()))


def _run(command: list[str], folder: Path, environment: dict[str, str], log: Path) -> None:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)

    import gradio.http_server

    # Gradio read this setting when the fork server imported it.
    gradio.http_server.INITIAL_PORT_VALUE = int(environment["GRADIO_SERVER_PORT"])
    if command[0] == "-m":
        sys.argv = command[1:]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = command
        sys.path.insert(0, str(folder))
        runpy.run_path(command[0], run_name="__main__")
