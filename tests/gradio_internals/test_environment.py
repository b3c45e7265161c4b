"""Variables of the environment that Gradio would misunderstand."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from classifier.errors import SettingError
from classifier.gradio_internals.environment import UNSAFE, check, hidden_from_gradio
from tests.support.server import PROJECT, environment, free_port, wait_for

DEAD_PROXY = "http://127.0.0.1:9"


@contextmanager
def started(folder: Path, url: str, **settings: object) -> Iterator[str]:
    """Starts `python app.py` in a new interpreter and waits until it responds; yields its log."""
    log = folder / "log.txt"
    variables = environment(CLASSIFIER_CACHE=folder / "cache", **settings)
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "app.py"], cwd=PROJECT, env=variables, stdout=output, stderr=output
        ) as process,
    ):
        try:

            def responds() -> bool:
                assert process.poll() is None, log.read_text()
                try:
                    return httpx.get(f"{url}/health", trust_env=False).status_code == 200
                except httpx.TransportError:
                    return False

            wait_for(responds, 120)
            wait_for(lambda: "Running on" in log.read_text())
            yield log.read_text()
        finally:
            process.kill()


def test_proxies_of_the_environment_do_no_harm(tmp_path: Path) -> None:
    port = free_port()
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), DEAD_PROXY)
    proxies |= {"https_proxy": "ftp://nonsense", "ALL_PROXY": "socks5://127.0.0.1:9"}
    url = f"http://127.0.0.1:{port}"

    with started(tmp_path, url, GRADIO_SERVER_PORT=port, **proxies) as log:
        page = httpx.get(url, trust_env=False)

    assert page.status_code == 200
    assert "Traceback" not in log


@pytest.mark.parametrize("name", UNSAFE)
@pytest.mark.parametrize("value", ["1", "/", " true ", "False?"])
def test_a_variable_that_opens_the_server_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"{name} is .*; expected no value, because Gradio"):
        check({name: value})


@pytest.mark.parametrize("value", ["", "0", "false", " False "])
def test_a_variable_that_is_off_is_fine(value: str) -> None:
    check(dict.fromkeys(UNSAFE, value))


def test_the_start_ends_with_the_reason(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "app.py"],
        cwd=PROJECT,
        env=environment(CLASSIFIER_CACHE=tmp_path, GRADIO_ALLOWED_PATHS="/"),
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert result.returncode == 1
    assert result.stderr == (
        "GRADIO_ALLOWED_PATHS is '/'; expected no value, because Gradio would serve these files to "
        "everyone.\n"
    )


def test_gradio_does_not_see_a_variable_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_VIBE_MODE", "0")
    with hidden_from_gradio():
        assert "GRADIO_VIBE_MODE" not in os.environ
    assert os.environ["GRADIO_VIBE_MODE"] == "0"


def test_ipv6_works(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6) as free:
        free.bind(("::1", 0))
        port = free.getsockname()[1]
    url = f"http://[::1]:{port}"

    with started(tmp_path, url, GRADIO_SERVER_NAME="::", GRADIO_SERVER_PORT=port):
        page = httpx.get(url, trust_env=False)

    assert page.status_code == 200
    assert f'"root":"{url}"' in page.text.replace(" ", "")
