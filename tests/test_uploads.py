import os
import re
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

from classifier.errors import InputError
from classifier.interface import WELCOME
from classifier.uploads import PREVIEW, Uploads, name_of
from tests.serving import PROJECT, Server, serve, wait_for
from tests.test_page import opened

SECONDS = 24
PICTURE = PROJECT / "images" / "pretzel.jpg"


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    uploads = Uploads(tmp_path / "uploads", 3600)
    uploads.open()
    return uploads


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Uploads of a megabyte at most, removed within seconds."""
    with serve(
        tmp_path_factory.mktemp("strict-server"),
        CLASSIFIER_UPLOAD_MB=1,
        CLASSIFIER_UPLOAD_SECONDS=SECONDS,
        CLASSIFIER_MODELS="tiny",
    ) as running:
        yield running


def test_only_an_uploaded_file_is_found(uploads: Uploads, tmp_path: Path) -> None:
    file = uploads.keep(b"content", "a.png")
    (tmp_path / "secret.png").write_text("secret")

    assert uploads.find({"path": str(file)}) == file
    assert uploads.find({"path": str(file) + PREVIEW}) == file
    for path in (
        tmp_path / "secret.png",
        f"{uploads.folder}/../secret.png",
        f"{uploads.folder}x/a.png",
        uploads.folder,
        "a.png",
        "",
        "\0",
        "a" * 5000,
        "http://127.0.0.1/a.png",
    ):
        with pytest.raises(InputError, match="There is no uploaded file"):
            uploads.find({"path": str(path)})


@pytest.mark.parametrize("file", [None, "pretzel.jpg", 3, [], {}, {"path": None}, {"path": 1}])
def test_what_is_no_file_is_told(uploads: Uploads, file: Any) -> None:
    with pytest.raises(InputError, match=r"expected a file that was uploaded, in Python handle_fi"):
        uploads.find(file)


def test_nobody_else_on_this_machine_may_look_into_the_folder(uploads: Uploads) -> None:
    assert stat.S_IMODE(uploads.folder.stat().st_mode) == 0o700


def test_kept_files_cannot_be_guessed(uploads: Uploads) -> None:
    first, second = (uploads.keep(b"the same", "same.png") for _ in range(2))

    assert first != second
    assert len(first.parent.name) == 64


@pytest.mark.parametrize(
    "name", ["../../up.png", "a/b.png", "\0.png", "猫" * 300, "", "'\"<>&.png"]
)
def test_a_kept_file_has_a_harmless_name(uploads: Uploads, name: str) -> None:
    file = uploads.keep(b"content", name + ".png")

    assert file.parent.parent == uploads.folder
    assert file.read_bytes() == b"content"


def test_what_is_old_goes_and_what_is_spared_stays(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, 2.4)
    old, spared = (uploads.keep(b"content", "a.png") for _ in range(2))
    (tmp_path / "tmpbroken").write_text("what an upload left that broke off")
    time.sleep(2.1)
    new = uploads.keep(b"content", "a.png")
    uploads.sweep([str(spared)])

    assert not old.parent.exists()
    assert sorted(tmp_path.iterdir()) == sorted([spared.parent, new.parent])


def test_the_name_is_what_its_owner_calls_it() -> None:
    path = Path("/uploads/0/a_1.tif")

    assert name_of({"orig_name": "a 1.tif"}, path) == "a 1.tif"
    assert name_of({"orig_name": "a 1.tif" + PREVIEW}, path) == "a 1.tif"
    assert name_of({"orig_name": "../../b.tif"}, path) == "b.tif"
    assert name_of({"orig_name": "\ud800.tif"}, path) == "?.tif"
    assert len(name_of({"orig_name": "a" * 5000}, path)) == 200
    assert name_of({"orig_name": None}, path) == name_of({}, path) == "a_1.tif"


def test_an_upload_is_removed_in_time_and_the_page_remains(strict_server: Server) -> None:
    folder = strict_server.cache / "uploads"
    client = strict_server.client()
    begin = time.monotonic()
    kept = files(folder)
    assert [path.name for path in kept] == [WELCOME], "the page shows it first"
    answer = client.predict(handle_file(PICTURE), "tiny", api_name="/classify_upload")
    assert answer["image"] == PICTURE.name
    assert len(list(folder.rglob("pretzel.jpg"))) == 1
    client.predict(PICTURE.name, brightness=2, api_name="/transform")
    assert len(list(folder.rglob("pretzel-edited.png"))) == 1
    break_off(strict_server)
    assert len(list(folder.glob("tmp*"))) == 1

    wait_for(lambda: files(folder) == kept, 5 * SECONDS)
    assert time.monotonic() - begin > SECONDS / 2, "nothing is removed while it is used"
    shown = strict_server.http.get(f"/gradio_api/file={kept[0]}")
    assert shown.status_code == 200
    assert "Traceback" not in strict_server.log.read_text()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def break_off(server: Server) -> None:
    """Begins an upload and hangs up."""
    address = urlsplit(server.address)
    body = (
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nhalf a pic'
    )
    head = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: {address.netloc}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {len(body) + 999}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port or 80)) as connection:
        connection.sendall(head.encode() + body)
        time.sleep(0.5)


def test_a_file_that_is_gone_is_asked_for_again(strict_server: Server) -> None:
    path = str(strict_server.cache / "uploads" / ("0" * 64) / "a.png")
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    event = strict_server.call("classify_upload", [file, "tiny"]).json()["event_id"]
    kind, text = strict_server.result("classify_upload", event)

    assert kind == "error"
    assert "There is no uploaded file 'a.png' any more" in text


def test_an_upload_that_is_too_large_is_refused(strict_server: Server) -> None:
    sentence = "This is too much at once: at most 1 MB are taken. Send less."
    content = os.urandom(1_200_000)
    upload = f"{strict_server.address}/gradio_api/upload"
    answer = strict_server.http.post(upload, files={"files": ("a.png", content)})
    assert (answer.status_code, answer.json()) == (413, {"detail": sentence})

    def parts() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        for start in range(0, len(content), 100_000):
            yield content[start : start + 100_000]
        yield b"\r\n--b--\r\n"

    # Without a length that would tell beforehand.
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = strict_server.http.post(upload, content=parts(), headers=kind)
    assert answer.status_code == 413
    assert "at most 1 MB" in answer.text or "maximum allowed size" in answer.text


def test_a_question_that_is_too_large_is_refused(strict_server: Server) -> None:
    answer = strict_server.call("classify", ["a" * 5_000_000, "tiny"])

    assert answer.status_code == 413
    assert answer.json()["detail"].startswith("This is too much at once: at most 4 MB")


def test_a_file_too_large_is_told_through_the_client(strict_server: Server, tmp_path: Path) -> None:
    file = tmp_path / "large.png"
    file.write_bytes(os.urandom(1_200_000))
    with pytest.raises((AppError, ValueError, httpx.HTTPError), match=r"413|at most|exceed|large"):
        strict_server.client().predict(handle_file(file), "tiny", api_name="/classify_upload")


def test_a_file_too_large_is_told_in_the_page(
    browser: Browser, strict_server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "large.png"
    file.write_bytes(os.urandom(1_200_000))
    with opened(browser, strict_server) as page:
        page.get_by_label("Remove Image").click()
        page.locator("#preview input[type=file]").set_input_files(file)

        expect(page.get_by_test_id("toast-body")).to_contain_text(
            re.compile("(exceed|at most|too large|maximum)", re.IGNORECASE)
        )
        page.locator(".thumbnails label").nth(1).click()
        page.get_by_role("button", name="Classify").click()
        expect(page.locator("table.answer tbody tr")).to_have_count(5)
