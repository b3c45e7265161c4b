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
from classifier.settings import PROJECT
from classifier.weights import Source, Store
from tests.rights import as_nobody
from tests.weight_server import CONTENT, DIGEST, WeightServer

# The package is made anew without its own imports: torch alone takes seconds.
FETCH = """
import sys, types
from pathlib import Path
package = sys.modules["classifier"] = types.ModuleType("classifier")
package.__path__ = ["classifier"]
from classifier.weights import Source, Store
source = Source(sys.argv[2], sys.argv[3], float(sys.argv[4]))
print("ready", flush=True)
sys.stdin.readline()
print(Store(Path(sys.argv[1])).fetch(source).stat().st_size)
"""

FAILURES = {
    "other": "its SHA-256 begins [0-9a-f]{8}, expected " + DIGEST[:8],
    "half": "the connection broke before the whole file was here",
    "half-unannounced": "its SHA-256 begins [0-9a-f]{8}, expected " + DIGEST[:8],
    "reset": "the connection broke before the whole file was here",
    "404": "the server answered 404",
    "500": "the server answered 500",
    "silent": "the server stopped answering",
    "stalling": "the server stopped answering",
    "circle": r"no connection \(.*redirect.*\)",
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache" / "weights", stall_seconds=0.3)


def left(store: Store) -> set[str]:
    """The files of a store, but for the empty ones that locks leave."""
    return {file.name for file in store.folder.iterdir() if file.suffix != ".lock"}


def assert_explains(error: WeightsError, store: Store, source: Source, reason: str) -> None:
    """One sentence of what, from where and why, and one of what to do."""
    pattern = (
        f"Could not fetch {re.escape(source.file)} from {re.escape(source.url)}: {reason}. "
        f"Try again later, or put the file at {re.escape(str(store.path(source)))} by hand."
    )
    assert re.fullmatch(pattern, str(error)), str(error)


def test_file_is_fetched_whole_and_alone(store: Store, weight_server: WeightServer) -> None:
    source = weight_server.source("whole")
    assert not store.has(source)

    path = store.fetch(source)

    assert path == store.path(source) == store.folder / "net-1234.pth"
    assert path.read_bytes() == CONTENT
    assert store.has(source)
    assert left(store) == {"net-1234.pth"}


def test_progress_rises_to_one(store: Store, weight_server: WeightServer) -> None:
    parts: list[float] = []

    store.fetch(weight_server.source("whole"), parts.append)

    assert len(parts) >= 3
    assert parts == sorted(parts)
    assert 0 < parts[0] < parts[-1] == 1.0


def test_progress_never_passes_one_if_the_file_is_larger_than_its_record(
    store: Store, weight_server: WeightServer
) -> None:
    parts: list[float] = []

    store.fetch(replace(weight_server.source("whole"), megabytes=0.1), parts.append)

    assert max(parts) == 1.0


def test_fetched_file_is_not_fetched_again(store: Store, weight_server: WeightServer) -> None:
    source = weight_server.source("whole")

    paths = {store.fetch(source), store.fetch(source), Store(store.folder).fetch(source)}

    assert paths == {store.path(source)}
    assert weight_server.requests.total() == 1


def test_redirect_is_followed(store: Store, weight_server: WeightServer) -> None:
    path = store.fetch(weight_server.source("redirected"))

    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("way", FAILURES)
def test_failed_download_is_explained_and_can_be_repeated(
    store: Store, weight_server: WeightServer, way: str
) -> None:
    source = weight_server.source(way)

    with pytest.raises(WeightsError) as caught:
        store.fetch(source)

    assert_explains(caught.value, store, source, FAILURES[way])
    assert left(store) == set()
    assert not store.has(source)
    assert store.fetch(weight_server.source("whole")).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:{closed}/net.pth", r"no connection \(.*[Rr]efused.*\)"),
        ("http://weights.invalid/net.pth", r"no connection \(.+\)"),
        ("ftp://127.0.0.1/net.pth", r"no connection \(.*protocol.*\)"),
        ("http://[nonsense/net.pth", r"no connection \(.+\)"),
    ],
)
def test_unreachable_server_is_explained(store: Store, url: str, reason: str) -> None:
    with socket.socket() as bound:  # bound but not listening: nobody else can take the port
        bound.bind(("127.0.0.1", 0))
        source = Source(url.format(closed=bound.getsockname()[1]), DIGEST[:8], 1.0)
        with pytest.raises(WeightsError) as caught:
            store.fetch(source)

    assert_explains(caught.value, store, source, reason)
    assert left(store) == set()


def test_server_is_given_up_after_the_stall_seconds(
    store: Store, weight_server: WeightServer
) -> None:
    start = time.monotonic()

    with pytest.raises(WeightsError, match="the server stopped answering"):
        store.fetch(weight_server.source("silent"))

    assert 0.3 <= time.monotonic() - start < 5


def test_eight_callers_at_once_make_one_request(store: Store, weight_server: WeightServer) -> None:
    source = weight_server.source("slow")
    reports: list[list[float]] = [[] for _ in range(8)]
    barrier = threading.Barrier(8)

    def fetch(parts: list[float]) -> bytes:
        barrier.wait()
        return store.fetch(source, parts.append).read_bytes()

    with ThreadPoolExecutor(8) as threads:
        contents = list(threads.map(fetch, reports))

    assert contents == [CONTENT] * 8
    assert weight_server.requests == {"/slow/net-1234.pth": 1}
    assert all(any(0 < part < 1 for part in parts) for parts in reports)
    assert all(parts == sorted(parts) for parts in reports)


def test_caller_after_a_failed_one_tries_again(store: Store, weight_server: WeightServer) -> None:
    source = weight_server.source("stalling")
    barrier = threading.Barrier(3)

    def fetch() -> None:
        barrier.wait()
        store.fetch(source)

    with ThreadPoolExecutor(3) as threads:
        errors = [future.exception() for future in [threads.submit(fetch) for _ in range(3)]]

    assert [type(error) for error in errors] == [WeightsError] * 3
    assert weight_server.requests.total() == 3


def test_different_files_are_fetched_at_the_same_time(
    store: Store, weight_server: WeightServer
) -> None:
    sources = [weight_server.source("slow", file) for file in ("a.pth", "b.pth", "c.pth")]
    spans: list[tuple[float, float]] = []

    def fetch(source: Source) -> None:
        start = time.monotonic()
        store.fetch(source)
        spans.append((start, time.monotonic()))

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(fetch, sources))

    # In turn, the last would begin to be served only after the first two were done.
    assert max(start for start, _ in spans) < min(end for _, end in spans)
    assert max(end - start for start, end in spans) < 2 * min(end - start for start, end in spans)


def test_lock_is_given_back_though_its_error_is_kept(
    store: Store, weight_server: WeightServer
) -> None:
    with pytest.raises(WeightsError) as caught:
        store.fetch(weight_server.source("404"))

    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(store.fetch, weight_server.source("whole"))
        assert other.result(timeout=5).read_bytes() == CONTENT
    assert caught.value.__cause__ is not None


@pytest.mark.timeout(90)
def test_two_processes_at_once_make_one_request(store: Store, weight_server: WeightServer) -> None:
    source = weight_server.source("slow")
    arguments = [str(store.folder), source.url, source.sha256, str(source.megabytes)]
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

    # Both begin now: the one that is told first still has to wait for the slow server.
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in processes]

    assert outputs == [f"{len(CONTENT)}\n"] * 2
    assert weight_server.requests.total() == 1


@pytest.mark.timeout(60)
def test_download_that_was_killed_leaves_nothing_in_the_way(
    store: Store, weight_server: WeightServer
) -> None:
    stalling = weight_server.source("stalling")
    arguments = [str(store.folder), stalling.url, stalling.sha256, str(stalling.megabytes)]
    with subprocess.Popen(
        [sys.executable, "-c", FETCH, *arguments],
        cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        partial = store.folder / "net-1234.pth.partial"
        deadline = time.monotonic() + 40
        while not (partial.is_file() and partial.stat().st_size):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.kill()
    assert left(store) == {"net-1234.pth.partial"}

    path = store.fetch(weight_server.source("whole"))

    assert path.read_bytes() == CONTENT
    assert left(store) == {"net-1234.pth"}


@pytest.mark.parametrize("damaged", [b"", CONTENT[:-1], b"not these"])
def test_damaged_file_is_replaced(
    store: Store, weight_server: WeightServer, damaged: bytes
) -> None:
    source = weight_server.source("whole")
    store.folder.mkdir(parents=True)
    store.path(source).write_bytes(damaged)

    assert store.fetch(source).read_bytes() == CONTENT
    assert weight_server.requests.total() == 1


def test_file_put_there_by_hand_is_taken_without_a_request(
    store: Store, weight_server: WeightServer
) -> None:
    source = weight_server.source("404")
    store.folder.mkdir(parents=True)
    store.path(source).write_bytes(CONTENT)

    assert store.fetch(source) == store.path(source)
    assert weight_server.requests.total() == 0


def test_fetched_file_that_was_deleted_is_fetched_again(
    store: Store, weight_server: WeightServer
) -> None:
    source = weight_server.source("whole")
    store.fetch(source).unlink()

    assert store.fetch(source).read_bytes() == CONTENT
    assert weight_server.requests.total() == 2


def test_caller_who_gives_up_leaves_nothing_and_nobody_waiting(
    store: Store, weight_server: WeightServer
) -> None:
    def give_up(part: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.fetch(weight_server.source("whole"), give_up)

    assert left(store) == set()
    assert store.fetch(weight_server.source("whole")).read_bytes() == CONTENT


def test_file_where_the_folder_should_be_is_explained(
    store: Store, weight_server: WeightServer
) -> None:
    store.folder.parent.mkdir()
    store.folder.write_text("in the way")
    source = weight_server.source("whole")

    with pytest.raises(WeightsError) as caught:
        store.fetch(source)

    assert_explains(caught.value, store, source, ".*File exists.*")


def test_folder_where_the_file_should_be_is_explained(
    store: Store, weight_server: WeightServer
) -> None:
    source = weight_server.source("whole")
    store.path(source).mkdir(parents=True)

    with pytest.raises(WeightsError) as caught:
        store.fetch(source)

    assert_explains(caught.value, store, source, ".*Is a directory.*")
    assert left(store) == {"net-1234.pth"}


def test_folder_that_may_not_be_written_is_explained(
    store: Store, weight_server: WeightServer
) -> None:
    source = weight_server.source("whole")
    store.folder.mkdir(parents=True)
    store.folder.chmod(0o500)

    with as_nobody(), pytest.raises(WeightsError) as caught:
        store.fetch(source)

    assert_explains(caught.value, store, source, ".*Permission denied.*")


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


def test_full_disk_is_explained_and_freed(small_disk: Path, weight_server: WeightServer) -> None:
    store = Store(small_disk)
    source = weight_server.source("whole")

    with pytest.raises(WeightsError) as caught:
        store.fetch(source)

    assert_explains(caught.value, store, source, ".*No space left on device.*")
    assert left(store) == set()
