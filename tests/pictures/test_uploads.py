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
from classifier.page.inputs.layout import WELCOME
from classifier.pictures.source import PictureSource
from classifier.pictures.uploads import Uploads, display_name
from tests.support.browsing import opened
from tests.support.server import PROJECT, Server, serve, wait_for

SECONDS = 24
PICTURE = PROJECT / "images" / "pretzel.jpg"


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    uploads = Uploads(tmp_path / "uploads", 3600)
    uploads.open()
    return uploads


@pytest.fixture(scope="module")
def strict_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a limit of 1 MB for uploads, which deletes them within seconds."""
    with serve(
        tmp_path_factory.mktemp("strict-server"),
        CLASSIFIER_UPLOAD_MB=1,
        CLASSIFIER_UPLOAD_SECONDS=SECONDS,
        CLASSIFIER_MODELS="tiny",
    ) as running:
        yield running


def test_only_uploaded_files_are_found(uploads: Uploads, tmp_path: Path) -> None:
    file = uploads.save(b"content", "a.png")
    (tmp_path / "secret.png").write_text("secret")

    assert uploads.find({"path": str(file)}) == file
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
def test_a_value_that_is_not_a_file_is_refused(uploads: Uploads, file: Any) -> None:
    with pytest.raises(InputError, match=r"expected an uploaded file, in Python handle_fi"):
        uploads.find(file)


def test_other_users_of_this_machine_cannot_read_the_folder(uploads: Uploads) -> None:
    assert stat.S_IMODE(uploads.folder.stat().st_mode) == 0o700


def test_the_paths_of_saved_files_cannot_be_guessed(uploads: Uploads) -> None:
    first, second = (uploads.save(b"the same", "same.png") for _ in range(2))

    assert first != second
    assert len(first.parent.name) == 64


@pytest.mark.parametrize(
    "name", ["../../up.png", "a/b.png", "\0.png", "猫" * 300, "", "'\"<>&.png"]
)
def test_a_saved_file_stays_in_its_folder_for_every_name(uploads: Uploads, name: str) -> None:
    file = uploads.save(b"content", name + ".png")

    assert file.parent.parent == uploads.folder
    assert file.read_bytes() == b"content"


def test_only_expired_files_are_deleted(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, 2.4)
    old = uploads.save(b"content", "a.png")
    (tmp_path / "tmpbroken").write_text("left behind by an interrupted upload")
    time.sleep(2.1)
    new = uploads.save(b"content", "a.png")
    uploads.delete_expired()

    assert not old.parent.exists()
    assert list(tmp_path.iterdir()) == [new.parent]


def test_a_request_leads_to_the_upload_and_its_name(uploads: Uploads) -> None:
    file = uploads.save(b"content", "a_1.png")

    assert uploads.source({"path": str(file), "orig_name": "a 1.png"}) == PictureSource(
        file, "a 1.png"
    )
    with pytest.raises(InputError, match="There is no uploaded file"):
        uploads.source({"path": "/etc/passwd", "orig_name": "a 1.png"})


def test_an_edited_picture_is_saved_under_the_name_of_the_original(uploads: Uploads) -> None:
    file = uploads.save_edited(PictureSource(b"content", "my photo.jpg"))

    assert file.name == "my_photo-edited.png"
    assert file.read_bytes() == b"content"


def test_the_displayed_name_is_the_one_that_the_user_gave() -> None:
    path = Path("/uploads/0/a_1.tif")

    assert display_name({"orig_name": "a 1.tif"}, path) == "a 1.tif"
    assert display_name({"orig_name": "../../b.tif"}, path) == "b.tif"
    assert display_name({"orig_name": "\ud800.tif"}, path) == "?.tif"
    assert len(display_name({"orig_name": "a" * 5000}, path)) == 200
    assert display_name({"orig_name": None}, path) == display_name({}, path) == "a_1.tif"


def test_uploads_are_deleted_in_time_and_the_page_still_works(strict_server: Server) -> None:
    folder = strict_server.cache / "uploads"
    client = strict_server.client()
    begin = time.monotonic()
    assert files(folder) == []
    answer = client.predict(handle_file(PICTURE), "tiny", api_name="/classify_upload")
    assert answer["image"] == PICTURE.name
    assert len(list(folder.rglob("pretzel.jpg"))) == 1
    client.predict(PICTURE.name, brightness=2, api_name="/transform")
    assert len(list(folder.rglob("pretzel-edited.png"))) == 1
    interrupt_upload(strict_server)
    assert len(list(folder.glob("tmp*"))) == 1

    wait_for(lambda: files(folder) == [], 5 * SECONDS)
    assert time.monotonic() - begin > SECONDS / 2, "uploads are not deleted while they are in use"
    assert strict_server.http.get(f"/previews/{WELCOME}").status_code == 200
    assert "Traceback" not in strict_server.log.read_text()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def interrupt_upload(server: Server) -> None:
    """Starts an upload and closes the connection."""
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


def test_the_error_for_a_deleted_upload_names_the_file(strict_server: Server) -> None:
    path = str(strict_server.cache / "uploads" / ("0" * 64) / "a.png")
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    event = strict_server.call("classify_upload", [file, "tiny"]).json()["event_id"]
    kind, text = strict_server.result("classify_upload", event)

    assert kind == "error"
    assert "There is no uploaded file 'a.png'." in text


def test_an_upload_that_is_too_large_is_refused(strict_server: Server) -> None:
    sentence = "The request is too large; the limit is 1 MB."
    content = os.urandom(1_200_000)
    upload = f"{strict_server.address}/gradio_api/upload"
    answer = strict_server.http.post(upload, files={"files": ("a.png", content)})
    assert (answer.status_code, answer.json()) == (413, {"detail": sentence})

    def parts() -> Iterator[bytes]:
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
        for start in range(0, len(content), 100_000):
            yield content[start : start + 100_000]
        yield b"\r\n--b--\r\n"

    # Without a Content-Length, the server learns the size only while it reads the upload.
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = strict_server.http.post(upload, content=parts(), headers=kind)
    assert answer.status_code == 413
    assert "the limit is 1 MB" in answer.text or "maximum allowed size" in answer.text


def test_a_request_that_is_too_large_is_refused(strict_server: Server) -> None:
    answer = strict_server.call("classify", ["a" * 5_000_000, "tiny"])

    assert answer.status_code == 413
    assert answer.json()["detail"].startswith("The request is too large; the limit is 4 MB")


def test_the_client_reports_an_upload_that_is_too_large(
    strict_server: Server, tmp_path: Path
) -> None:
    file = tmp_path / "large.png"
    file.write_bytes(os.urandom(1_200_000))
    with pytest.raises((AppError, ValueError, httpx.HTTPError), match=r"413|at most|exceed|large"):
        strict_server.client().predict(handle_file(file), "tiny", api_name="/classify_upload")


def test_the_page_reports_an_upload_that_is_too_large(
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


def test_uploads_survive_a_restart(tmp_path: Path) -> None:
    """Visitors who are still there can go on with their pictures."""
    with serve(tmp_path, CLASSIFIER_MODELS="tiny") as first, PICTURE.open("rb") as file:
        (path,) = first.http.post("/gradio_api/upload", files={"files": file}).json()
    assert Path(path).is_file()

    with serve(tmp_path, CLASSIFIER_MODELS="tiny") as second:
        given = {"path": path, "meta": {"_type": "gradio.FileData"}}
        event = second.call("classify_upload", [given, "tiny"]).json()["event_id"]
        kind, data = second.result("classify_upload", event)
        assert kind == "complete", data
        assert second.http.get(f"/gradio_api/file={path}").content == PICTURE.read_bytes()
