"""A real nginx with a configuration of `deploy/` and the addresses of a test."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.server import PROJECT, free_port

PREFIX = "/lab"


def is_installed() -> bool:
    return shutil.which("nginx") is not None


@contextmanager
def nginx(folder: Path, app: str, *, tls: bool, keeps_prefix: bool) -> Iterator[str]:
    """Starts nginx with `deploy/nginx.conf`, and yields the address of the app for clients.

    `app` is the address of the app itself. nginx passes the prefix on, or removes it.
    """
    app_address = f"proxy_pass {app}{'' if keeps_prefix else '/'};"
    replacements = {"proxy_pass http://127.0.0.1:7860;": app_address}
    with _started(folder, "nginx.conf", replacements, tls) as address:
        yield f"{address}{PREFIX}"


@contextmanager
def nginx_several(folder: Path, apps: Sequence[str]) -> Iterator[str]:
    """Starts nginx with `deploy/nginx-several.conf` in front of two servers."""
    old = ("10.0.0.11:7860", "10.0.0.12:7860")
    replacements = {
        address: app.removeprefix("http://") for address, app in zip(old, apps, strict=True)
    }
    with _started(folder, "nginx-several.conf", replacements, tls=False) as address:
        yield address


@contextmanager
def _started(
    folder: Path, configuration: str, addresses: dict[str, str], tls: bool
) -> Iterator[str]:
    folder.mkdir(parents=True)
    port = free_port()
    text = (PROJECT / "deploy" / configuration).read_text()
    replacements = addresses | {
        "listen 443 ssl": f"listen 127.0.0.1:{port}" + " ssl" * tls,
        "/etc/ssl/certs/pictures.example.org.pem": str(folder / "certificate.pem"),
        "/etc/ssl/private/pictures.example.org.key": str(folder / "key.pem"),
    }
    for old, new in replacements.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    _create_certificate(folder)
    (folder / "site.conf").write_text(text)
    # As root, nginx would use another user, who may not write to the folder of a test.
    user = "" if os.geteuid() else "user root;"
    (folder / "nginx.conf").write_text(
        f"{user} pid {folder}/pid; error_log {folder}/errors.txt; daemon off; worker_processes 1;\n"
        "events {}\n"
        "http {\n"
        f"    access_log {folder}/access.txt;\n"
        f"    client_body_temp_path {folder}/bodies; proxy_temp_path {folder}/answers;\n"
        f"    fastcgi_temp_path {folder}/1; uwsgi_temp_path {folder}/2;\n"
        f"    scgi_temp_path {folder}/3;\n"
        f"    include {folder}/site.conf;\n"
        "}\n"
    )
    # The log in front of `error_log` would be that of the whole machine.
    command = ["nginx", "-e", str(folder / "errors.txt"), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command) as process:
        try:
            _wait_until_it_listens(port, process, folder)
            yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        finally:
            process.terminate()


def _create_certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-keyout", folder / "key.pem", "-out", folder / "certificate.pem",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )  # fmt: skip


def _wait_until_it_listens(port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, (folder / "errors.txt").read_text()
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("nginx does not listen")
