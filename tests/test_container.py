"""The container: its steps without Docker, as another user and with a read-only checkout."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

import httpx
import pytest
import yaml

from tests.support.app_process import has_launched
from tests.support.ray_cluster import descendants
from tests.support.server import DEFAULT, PROJECT, free_port, wait_for

CAN_CHANGE_USER = os.geteuid() == 0 and shutil.which("unshare") and shutil.which("setpriv")
as_user_1000 = pytest.mark.skipif(not CAN_CHANGE_USER, reason="only root can become another user")
USER = 1000


def instructions() -> list[tuple[str, str]]:
    """Returns the instructions of the Dockerfile with their arguments."""
    text = re.sub(r"^#.*\n", "", (PROJECT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    found = [line.split(None, 1) for line in lines if line.strip()]
    return [(name, arguments) for name, arguments in found]


def arguments(name: str) -> list[str]:
    return [text for instruction, text in instructions() if instruction == name]


def variables() -> dict[str, str]:
    """Returns the environment in the container."""
    (text,) = arguments("ENV")
    return dict(part.split("=", 1) for part in shlex.split(text))


@pytest.fixture(scope="module")
def app() -> Iterator[Path]:
    """The folder /app of the container, which user 1000 can read but not write."""
    # pytest's own folders are closed for other users.
    with tempfile.TemporaryDirectory(prefix="container-") as folder:
        Path(folder).chmod(0o755)
        yield copied(Path(folder) / "app")


def copied(target: Path) -> Path:
    """Copies the files that the Dockerfile copies into a new folder."""
    target.mkdir()
    for text in arguments("COPY"):
        *sources, place = shlex.split(text)
        for source in sources:
            path = PROJECT / source
            if path.is_dir():
                shutil.copytree(path, target / place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, target / place)
    return target


@contextmanager
def contained(
    command: list[str], app: Path, settings: Mapping[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Runs a command as in the container: as user 1000, without a home, with a read-only /app."""
    base, work = Path(sys.base_prefix), app.parent / "mounts"
    work.mkdir(exist_ok=True)
    (work / "python").mkdir(exist_ok=True)
    # Only this process sees these mounts. Python may be in the home of root, which is closed.
    script = f"""
        set -e
        mount --bind {base} {work}/python
        if [[ {base} == /root/* ]]; then
            mount -t tmpfs -o mode=755 tmpfs /root
            mkdir -p {base}
            mount --bind {work}/python {base}
        fi
        mount --bind {app} {app}
        mount -o remount,ro,bind {app}
        cd {app}
        exec setpriv --reuid {USER} --regid {USER} --clear-groups -- {shlex.join(command)}
    """
    clean = {name: os.environ[name] for name in ("PATH",)} | {"HOME": "/"} | dict(settings)
    with (
        log.open("w") as output,
        subprocess.Popen(
            ["unshare", "--mount", "bash", "-c", script], env=clean, stdout=output, stderr=output
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def test_all_files_that_are_copied_are_sent_to_docker() -> None:
    sent = (PROJECT / ".dockerignore").read_text().split()
    for text in arguments("COPY"):
        for source in shlex.split(text)[:-1]:
            assert (PROJECT / source).exists(), source
            assert any(fnmatch(source, rule[1:]) for rule in sent if rule.startswith("!")), source


@pytest.mark.parametrize("requirements", ["requirements.txt", "requirements-cluster.txt"])
def test_torch_for_cpus_is_installed_in_the_version_that_is_required(
    requirements: str, tmp_path: Path
) -> None:
    """Runs the step with programs that only write down how they are called."""
    (step,) = arguments("RUN")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("pip", "install"):
        program = programs / name
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {tmp_path}/calls\n')
        program.chmod(0o755)
    shutil.copy(PROJECT / "requirements.txt", tmp_path)
    step = step.replace("/tmp/torch.txt", "torch.txt")

    subprocess.run(
        ["sh", "-e", "-c", step],
        cwd=tmp_path,
        env={"PATH": f"{programs}:{os.environ['PATH']}", "REQUIREMENTS": requirements},
        check=True,
    )

    assert arguments("ARG") == ["REQUIREMENTS=requirements.txt"]
    assert (PROJECT / requirements).is_file()
    required = (PROJECT / "requirements.txt").read_text().splitlines()
    expected = [line for line in required if line.startswith(("torch==", "torchvision=="))]
    assert len(expected) == 2
    assert (tmp_path / "torch.txt").read_text().splitlines() == expected
    assert (tmp_path / "calls").read_text().splitlines() == [
        "pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu -r torch.txt",
        f"pip install --no-cache-dir -r {requirements}",
        "install -d -o 1000 -g 1000 /cache",
    ]


@as_user_1000
def test_the_container_serves_is_healthy_and_stops(app: Path, tmp_path: Path) -> None:
    cache, port = app.parent / "cache", free_port()
    cache.mkdir()
    os.chown(cache, USER, USER)
    settings = variables() | {"GRADIO_SERVER_PORT": str(port), "CLASSIFIER_CACHE": str(cache)}
    assert arguments("USER") == ["1000:1000"]
    (command,) = (json.loads(text) for text in arguments("CMD"))
    health = json.loads(arguments("HEALTHCHECK")[0].partition("CMD ")[2])
    log, url = tmp_path / "log.txt", f"http://127.0.0.1:{port}"

    def check() -> int:
        # A proxy must not be asked.
        proxy = {"http_proxy": "http://127.0.0.1:9"}
        check = [sys.executable, *health[1:]]
        return subprocess.run(check, env=settings | proxy, capture_output=True).returncode

    assert check() != 0
    with contained([sys.executable, *command[1:]], app, settings, log) as process:

        def is_healthy() -> bool:
            assert process.poll() is None, log.read_text()
            return check() == 0

        wait_for(is_healthy, 120)
        wait_for(lambda: has_launched(process.pid))
        job = httpx.post(
            f"{url}/classifications", data={"model_id": DEFAULT, "image_id": "pretzel.jpg"}
        ).json()

        def is_finished() -> bool:
            state = httpx.get(job["status_url"], params={"wait": 10}, timeout=60).json()
            assert state["task_status"] != "failed", state
            return bool(state["finished"])

        wait_for(is_finished)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
    assert "Traceback" not in log.read_text()


@as_user_1000
def test_a_node_of_a_cluster_starts(app: Path, tmp_path: Path) -> None:
    log, ray = tmp_path / "log.txt", Path(sys.executable).with_name("ray")
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        temporary = Path(folder)
        os.chown(temporary, USER, USER)
        command = [
            *(str(ray), "start", "--head", "--block", f"--port={free_port()}"),
            *("--num-cpus=1", "--include-dashboard=false", f"--temp-dir={temporary}"),
        ]
        settings = variables() | {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONUNBUFFERED": "1"}
        with contained(command, app, settings, log) as process:
            try:
                wait_for(lambda: "exit logs" in log.read_text() or process.poll() is not None, 60)
                assert process.poll() is None, log.read_text()
            finally:
                started = descendants(process.pid)
                process.kill()
                for pid in started:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)


@as_user_1000
def test_a_user_without_a_home_classifies_with_a_temporary_cache(app: Path, tmp_path: Path) -> None:
    log, temporary = tmp_path / "log.txt", app.parent / "temporary"
    temporary.mkdir(mode=0o777)
    temporary.chmod(0o777)
    command = [sys.executable, "-m", "classifier", "images/pretzel.jpg"]

    with contained(command, app, {"TMPDIR": str(temporary)}, log) as process:
        assert process.wait(120) == 0, log.read_text()

    assert "1  pretzel" in log.read_text()
    assert (
        f"/.cache/image-classifier cannot be written. The cache is in {temporary}/image-classifier-"
        f"{USER}; set CLASSIFIER_CACHE to keep it elsewhere." in log.read_text()
    )
    assert "Traceback" not in log.read_text()


def test_compose_runs_the_container_with_as_few_rights_as_possible() -> None:
    (service,) = yaml.safe_load((PROJECT / "compose.yaml").read_text())["services"].values()

    assert service["build"] == "."
    assert service["ports"] == [f"{arguments('EXPOSE')[0]}:7860"]
    assert service["volumes"] == [f"cache:{arguments('VOLUME')[0]}"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert set(service["environment"]) <= set(re.findall(r"CLASSIFIER_\w+", readme()))


def readme() -> str:
    return (PROJECT / "README.md").read_text()
