"""Files of the Hugging Face Hub, from a server on this machine that speaks its protocol."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.utils._shared_blobs import publish_blob_to_shared_store

from classifier.errors import WeightsError
from classifier.models import catalogue, hub
from classifier.models.hub import HubFile
from tests.support.hub_server import HubServer

FILE = HubFile("me/flowers", "model.safetensors")
CONTENT = bytes(range(256)) * 4000
MAX_SECONDS = 40  # until an error, on a busy machine


@pytest.fixture
def server(hub_server: HubServer) -> HubServer:
    hub_server.files["me/flowers/model.safetensors"] = CONTENT
    return hub_server


def disconnect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the hub unreachable."""
    template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def kept(tmp_path: Path) -> list[Path]:
    """Returns the contents in the cache."""
    return [file for file in (tmp_path / "hub-cache").rglob("blobs/*") if file.is_file()]


def test_a_file_is_downloaded_once_and_its_progress_is_reported(server: HubServer) -> None:
    server.behaviour = "slow"
    reported: list[float] = []
    assert hub.find(FILE) is None

    path = hub.download(FILE, reported.append)

    assert path.read_bytes() == CONTENT
    assert hub.find(FILE) == path
    assert reported == sorted(reported)
    assert reported[-1] == 1
    requests = server.requests.total()
    assert hub.download(FILE) == path
    assert server.requests.total() == requests


def test_a_file_that_repositories_share_is_verified_by_its_sha_256(
    server: HubServer, tmp_path: Path
) -> None:
    """Files of Xet storage lie once for all repositories, under the name of another hash."""
    cache = tmp_path / "hub-cache"
    server.files["you/flowers/model.safetensors"] = CONTENT
    path = hub.download(FILE)
    xet_hash = "b" * 64
    assert publish_blob_to_shared_store(
        blob_path=str(path.resolve()),
        xet_hash=xet_hash,
        cache_dir=cache,
        expected_size=len(CONTENT),
    )
    shared = path.resolve()
    assert shared.name == xet_hash
    server.xet_hash = xet_hash

    assert hub.download(FILE) == path
    assert hub.download(HubFile("you/flowers", FILE.name)).resolve() == shared
    assert server.requests["GET", FILE.name] == 1

    shared.chmod(0o600)
    shared.write_bytes(CONTENT[::-1])
    with pytest.raises(WeightsError, match="its SHA-256 differs from "):
        hub.download(FILE)
    assert not shared.exists()
    assert hub.find(FILE) is None

    server.xet_hash = ""
    assert hub.download(FILE).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("other", "its SHA-256 differs from "),
        ("half", "the connection broke before the file was complete"),
        ("silent", "the server stopped answering"),
        ("500", "the server answered 500"),
    ],
)
def test_a_download_that_fails_is_explained_and_leaves_nothing_behind(
    server: HubServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: str,
    reason: str,
) -> None:
    if behaviour == "silent":
        monkeypatch.setattr(hub, "RESPONSE_SECONDS", 1)
    server.behaviour = behaviour
    start = time.monotonic()

    with pytest.raises(WeightsError) as caught:
        hub.download(FILE)

    assert time.monotonic() - start < MAX_SECONDS
    assert str(caught.value).startswith(
        f"Could not download model.safetensors of me/flowers from {server.address}: {reason}"
    )
    assert len(str(caught.value).splitlines()) == 1
    assert kept(tmp_path) == []
    assert hub.find(FILE) is None
    server.behaviour = "whole"
    monkeypatch.setattr(hub, "RESPONSE_SECONDS", 10)
    assert hub.download(FILE).read_bytes() == CONTENT


def test_without_a_network_only_cached_files_are_available(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = hub.download(FILE)
    disconnect(monkeypatch)
    start = time.monotonic()

    assert hub.download(FILE) == hub.download(FILE, newest=True) == path
    with pytest.raises(WeightsError, match=r"no connection \("):
        hub.download(HubFile("me/other", "model.safetensors"))
    assert time.monotonic() - start < MAX_SECONDS


def test_a_model_on_an_unreachable_hub_is_explained(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    disconnect(monkeypatch)

    with pytest.raises(WeightsError, match=r"Could not download labels.txt of me/x from .*: no co"):
        catalogue.find("hf-hub:me/x")


@pytest.mark.parametrize(
    ("repository", "reason"),
    [
        ("me/nothing", "there is no such repository, or it is private"),
        ("me/closed", "its authors must grant access first"),
        ("me/flowers@v9", "the repository has no such revision"),
        ("a/b/c", "this is not the name of a repository; expected USER/NAME"),
        ("me/secret", "there is no such repository, or it is private"),
    ],
)
def test_a_repository_that_cannot_be_read_is_explained(
    server: HubServer, repository: str, reason: str
) -> None:
    server.files["me/closed/config.json"] = server.files["me/secret/config.json"] = b"{}"
    server.gated, server.private = {"me/closed"}, {"me/secret"}

    with pytest.raises(WeightsError) as caught:
        hub.download(HubFile(repository, "config.json"))

    assert f"of {repository} from {server.address}: {reason}" in str(caught.value)


def test_a_token_opens_a_private_repository(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["me/secret/config.json"] = b"{}"
    server.private = {"me/secret"}
    monkeypatch.setenv("HF_TOKEN", "secret")

    assert hub.download(HubFile("me/secret", "config.json")).read_bytes() == b"{}"


def test_a_missing_file_is_told_apart_from_a_failure(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = HubFile("me/flowers", "labels.txt")
    with pytest.raises(FileNotFoundError):
        hub.download(missing)
    assert not hub.exists(missing)
    assert hub.exists(FILE)

    # The hub has said so before, so a lost connection changes nothing.
    disconnect(monkeypatch)
    with pytest.raises(FileNotFoundError):
        hub.download(missing)


def test_offline_mode_allows_cached_files_only(
    server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = hub.download(FILE)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    requests = server.requests.total()

    assert hub.download(FILE, newest=True) == path
    with pytest.raises(WeightsError, match="HF_HUB_OFFLINE forbids downloads"):
        hub.download(HubFile("me/flowers", "config.json"))
    assert server.requests.total() == requests


def test_a_newer_version_is_downloaded_only_on_request(server: HubServer) -> None:
    old = hub.download(FILE)
    server.commit = "b" * 40
    server.files["me/flowers/model.safetensors"] = CONTENT[::-1]

    assert hub.download(FILE) == old
    new = hub.download(FILE, newest=True)
    assert new.read_bytes() == CONTENT[::-1]
    assert hub.download(HubFile(f"me/flowers@{'a' * 40}", FILE.name)) == old


def test_a_file_is_downloaded_once_for_several_threads(server: HubServer) -> None:
    server.behaviour = "slow"
    with ThreadPoolExecutor(3) as threads:
        paths = set(threads.map(lambda _: hub.download(FILE), range(3)))

    assert [path.read_bytes() for path in paths] == [CONTENT]
    assert server.requests["GET", "model.safetensors"] == 1
