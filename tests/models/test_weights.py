import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from classifier.errors import WeightsError
from classifier.models.weights import RemoteWeights, WeightsCache
from classifier.settings import PROJECT
from tests.support.permissions import as_nobody
from tests.support.weight_server import CONTENT, DIGEST, WeightServer

# Replaces the package by an empty one: its own imports include torch, which takes seconds.
FETCH = """
import sys, types
from pathlib import Path
package = sys.modules["classifier"] = types.ModuleType("classifier")
package.__path__ = ["classifier"]
from classifier.models.weights import RemoteWeights, WeightsCache
remote = RemoteWeights(sys.argv[2], sys.argv[3], float(sys.argv[4]))
print("ready", flush=True)
sys.stdin.readline()
print(WeightsCache(Path(sys.argv[1])).fetch(remote).stat().st_size)
"""

FAILURES = {
    "other": "its SHA-256 starts with [0-9a-f]{8}, expected " + DIGEST[:8],
    "half": "the connection broke before the file was complete",
    "half-without-length": "its SHA-256 starts with [0-9a-f]{8}, expected " + DIGEST[:8],
    "reset": "the connection broke before the file was complete",
    "404": "the server answered 404",
    "500": "the server answered 500",
    "redirect-loop": r"no connection \(.*redirect.*\)",
}


@pytest.fixture
def weights_cache(tmp_path: Path) -> WeightsCache:
    return WeightsCache(tmp_path / "cache" / "weights")


@pytest.fixture
def impatient(weights_cache: WeightsCache) -> WeightsCache:
    """A cache that waits for a silent server for only a moment."""
    return WeightsCache(weights_cache.folder, stall_seconds=0.3)


def file_names(weights_cache: WeightsCache) -> set[str]:
    """Returns the names of all files in a cache except lock files, which are empty."""
    return {file.name for file in weights_cache.folder.iterdir() if file.suffix != ".lock"}


def assert_explains(
    error: WeightsError, weights_cache: WeightsCache, remote: RemoteWeights, reason: str
) -> None:
    """Checks the sentence about the failure, and the one about what to do."""
    path = re.escape(str(weights_cache.path(remote)))
    pattern = (
        f"Could not download {re.escape(remote.file_name)} from {re.escape(remote.url)}: {reason}. "
        f"Try again later, or put the file at {path} yourself."
    )
    assert re.fullmatch(pattern, str(error)), str(error)


def test_fetch_leaves_the_complete_file_and_no_other(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    remote = weight_server.weights("whole")
    assert not weights_cache.has(remote)

    path = weights_cache.fetch(remote)

    assert path == weights_cache.path(remote) == weights_cache.folder / "net-1234.pth"
    assert path.read_bytes() == CONTENT
    assert weights_cache.has(remote)
    assert file_names(weights_cache) == {"net-1234.pth"}


def test_progress_increases_to_one(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    fractions: list[float] = []

    weights_cache.fetch(weight_server.weights("whole"), fractions.append)

    assert len(fractions) >= 3
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < fractions[-1] == 1.0


def test_progress_never_exceeds_one_if_the_file_is_larger_than_expected(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    fractions: list[float] = []

    weights_cache.fetch(replace(weight_server.weights("whole"), megabytes=0.1), fractions.append)

    assert max(fractions) == 1.0


def test_a_file_is_downloaded_only_once(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    remote = weight_server.weights("whole")

    paths = {
        weights_cache.fetch(remote),
        weights_cache.fetch(remote),
        WeightsCache(weights_cache.folder).fetch(remote),
    }

    assert paths == {weights_cache.path(remote)}
    assert weight_server.requests.total() == 1


def test_redirects_are_followed(weights_cache: WeightsCache, weight_server: WeightServer) -> None:
    path = weights_cache.fetch(weight_server.weights("redirected"))

    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("behaviour", FAILURES)
def test_a_failed_download_is_explained_and_can_be_retried(
    weights_cache: WeightsCache, weight_server: WeightServer, behaviour: str
) -> None:
    remote = weight_server.weights(behaviour)

    with pytest.raises(WeightsError) as caught:
        weights_cache.fetch(remote)

    assert_explains(caught.value, weights_cache, remote, FAILURES[behaviour])
    assert file_names(weights_cache) == set()
    assert not weights_cache.has(remote)
    assert weights_cache.fetch(weight_server.weights("whole")).read_bytes() == CONTENT


@pytest.mark.parametrize("behaviour", ["silent", "stalling"])
def test_a_silent_server_is_explained_after_stall_seconds(
    weights_cache: WeightsCache,
    impatient: WeightsCache,
    weight_server: WeightServer,
    behaviour: str,
) -> None:
    remote = weight_server.weights(behaviour)
    start = time.monotonic()

    with pytest.raises(WeightsError) as caught:
        impatient.fetch(remote)

    assert 0.3 <= time.monotonic() - start < 10
    assert_explains(caught.value, impatient, remote, "the server stopped answering")
    assert file_names(impatient) == set()
    assert weights_cache.fetch(weight_server.weights("whole")).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:{closed}/net.pth", r"no connection \(.*[Rr]efused.*\)"),
        ("http://weights.invalid/net.pth", r"no connection \(.+\)"),
        ("ftp://127.0.0.1/net.pth", r"no connection \(.*protocol.*\)"),
        ("http://[nonsense/net.pth", r"no connection \(.+\)"),
    ],
)
def test_an_unreachable_server_is_explained(
    weights_cache: WeightsCache, url: str, reason: str
) -> None:
    with socket.socket() as bound:  # bound but not listening, so no other program can use the port
        bound.bind(("127.0.0.1", 0))
        remote = RemoteWeights(url.format(closed=bound.getsockname()[1]), DIGEST[:8], 1.0)
        with pytest.raises(WeightsError) as caught:
            weights_cache.fetch(remote)

    assert_explains(caught.value, weights_cache, remote, reason)
    assert file_names(weights_cache) == set()


def test_eight_simultaneous_callers_make_one_request(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    remote = weight_server.weights("slow")
    reports: list[list[float]] = [[] for _ in range(8)]
    barrier = threading.Barrier(8)

    def fetch(fractions: list[float]) -> bytes:
        barrier.wait()
        return weights_cache.fetch(remote, fractions.append).read_bytes()

    with ThreadPoolExecutor(8) as threads:
        contents = list(threads.map(fetch, reports))

    assert contents == [CONTENT] * 8
    assert weight_server.requests == {"/slow/net-1234.pth": 1}
    assert all(any(0 < fraction < 1 for fraction in fractions) for fractions in reports)
    assert all(fractions == sorted(fractions) for fractions in reports)


def test_callers_that_wait_for_a_failed_download_try_again(
    impatient: WeightsCache, weight_server: WeightServer
) -> None:
    remote = weight_server.weights("stalling")
    barrier = threading.Barrier(3)

    def fetch() -> None:
        barrier.wait()
        impatient.fetch(remote)

    with ThreadPoolExecutor(3) as threads:
        errors = [future.exception() for future in [threads.submit(fetch) for _ in range(3)]]

    assert [type(error) for error in errors] == [WeightsError] * 3
    assert weight_server.requests.total() == 3


def test_different_files_are_downloaded_at_the_same_time(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    files = [weight_server.weights("slow", file) for file in ("a.pth", "b.pth", "c.pth")]
    spans: list[tuple[float, float]] = []

    def fetch(remote: RemoteWeights) -> None:
        start = time.monotonic()
        weights_cache.fetch(remote)
        spans.append((start, time.monotonic()))

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(fetch, files))

    # One after the other, the last download would start only after the first two had ended.
    assert max(start for start, _ in spans) < min(end for _, end in spans)
    assert max(end - start for start, end in spans) < 2 * min(end - start for start, end in spans)


def test_the_lock_is_released_even_if_the_error_is_kept(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    with pytest.raises(WeightsError) as caught:
        weights_cache.fetch(weight_server.weights("404"))

    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(weights_cache.fetch, weight_server.weights("whole"))
        assert other.result(timeout=5).read_bytes() == CONTENT
    assert caught.value.__cause__ is not None


@pytest.mark.timeout(90)
def test_two_simultaneous_processes_make_one_request(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    remote = weight_server.weights("slow")
    arguments = [str(weights_cache.folder), remote.url, remote.sha256, str(remote.megabytes)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FETCH, *arguments],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    # Both start now: the server is slow, so neither can finish before the other asks.
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in processes]

    assert outputs == [f"{len(CONTENT)}\n"] * 2
    assert weight_server.requests.total() == 1


@pytest.mark.timeout(60)
def test_a_killed_download_does_not_prevent_the_next_one(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    stalling = weight_server.weights("stalling")
    arguments = [str(weights_cache.folder), stalling.url, stalling.sha256, str(stalling.megabytes)]
    with subprocess.Popen(
        [sys.executable, "-c", FETCH, *arguments],
        cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        partial = weights_cache.folder / "net-1234.pth.partial"
        deadline = time.monotonic() + 40
        while not (partial.is_file() and partial.stat().st_size):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    assert file_names(weights_cache) == {"net-1234.pth.partial"}

    path = weights_cache.fetch(weight_server.weights("whole"))

    assert path.read_bytes() == CONTENT
    assert file_names(weights_cache) == {"net-1234.pth"}


@pytest.mark.parametrize("damaged", [b"", CONTENT[:-1], b"something else"])
def test_a_damaged_file_is_replaced(
    weights_cache: WeightsCache, weight_server: WeightServer, damaged: bytes
) -> None:
    remote = weight_server.weights("whole")
    weights_cache.folder.mkdir(parents=True)
    weights_cache.path(remote).write_bytes(damaged)

    assert weights_cache.fetch(remote).read_bytes() == CONTENT
    assert weight_server.requests.total() == 1


def test_a_file_that_a_user_put_there_is_used_without_a_request(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    remote = weight_server.weights("404")
    weights_cache.folder.mkdir(parents=True)
    weights_cache.path(remote).write_bytes(CONTENT)

    assert weights_cache.fetch(remote) == weights_cache.path(remote)
    assert weight_server.requests.total() == 0


def test_a_deleted_file_is_downloaded_again(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    remote = weight_server.weights("whole")
    weights_cache.fetch(remote).unlink()

    assert weights_cache.fetch(remote).read_bytes() == CONTENT
    assert weight_server.requests.total() == 2


def test_an_interrupted_caller_leaves_no_file_and_no_lock(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    def interrupt(fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weights_cache.fetch(weight_server.weights("whole"), interrupt)

    assert file_names(weights_cache) == set()
    assert weights_cache.fetch(weight_server.weights("whole")).read_bytes() == CONTENT


def test_a_file_in_place_of_the_folder_is_explained(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    weights_cache.folder.parent.mkdir()
    weights_cache.folder.write_text("in the way")
    remote = weight_server.weights("whole")

    with pytest.raises(WeightsError) as caught:
        weights_cache.fetch(remote)

    assert_explains(caught.value, weights_cache, remote, ".*File exists.*")


def test_a_folder_in_place_of_the_file_is_explained(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    remote = weight_server.weights("whole")
    weights_cache.path(remote).mkdir(parents=True)

    with pytest.raises(WeightsError) as caught:
        weights_cache.fetch(remote)

    assert_explains(caught.value, weights_cache, remote, ".*Is a directory.*")
    assert file_names(weights_cache) == {"net-1234.pth"}


def test_a_folder_without_write_permission_is_explained(
    weights_cache: WeightsCache, weight_server: WeightServer
) -> None:
    remote = weight_server.weights("whole")
    weights_cache.folder.mkdir(parents=True)
    weights_cache.folder.chmod(0o500)

    with as_nobody(), pytest.raises(WeightsError) as caught:
        weights_cache.fetch(remote)

    assert_explains(caught.value, weights_cache, remote, ".*Permission denied.*")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        result = subprocess.run(mount, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no small file system can be mounted here: {error}")
    if result.returncode:
        pytest.skip(f"no small file system can be mounted here: {result.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_explained_and_the_partial_file_deleted(
    small_disk: Path, weight_server: WeightServer
) -> None:
    weights_cache = WeightsCache(small_disk)
    remote = weight_server.weights("whole")

    with pytest.raises(WeightsError) as caught:
        weights_cache.fetch(remote)

    assert_explains(caught.value, weights_cache, remote, ".*No space left on device.*")
    assert file_names(weights_cache) == set()
