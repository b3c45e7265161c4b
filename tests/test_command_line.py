"""The command line, `python -m classifier`."""

import hashlib
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from classifier import __main__ as command_line
from classifier.errors import show
from classifier.models import torchvision_models
from classifier.models.weights import RemoteWeights
from tests.models.own.test_onnx_format import LABELS
from tests.models.own.test_onnx_format import save as save_onnx
from tests.support.app_process import AppProcess
from tests.support.file_server import serving
from tests.support.server import DEFAULT, PROJECT, environment, free_port, wait_for

PICTURES = sorted((PROJECT / "images").glob("*.jpg"))
PHOTOS = PROJECT.parent / "shared" / "data" / "photos"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs commands in this process; returns the exit code, the output and the errors."""

    def run(*arguments: object, **settings: str) -> tuple[int, str, str]:
        for name in [name for name in os.environ if name.startswith("CLASSIFIER_")]:
            monkeypatch.delenv(name)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        try:
            code = command_line.main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else 1
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def run_process(*command: object, **settings: object) -> "subprocess.CompletedProcess[str]":
    """Runs Python with these arguments in a separate process."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=PROJECT,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_predictions_are_printed_as_a_table(run_command: Run) -> None:
    code, table, errors = run_command(PICTURES[0])

    assert (code, errors) == (0, "")
    head, *rows = table.splitlines()
    assert head.startswith(f"{PICTURES[0]} ({DEFAULT}, ")
    assert [row.split()[0] for row in rows] == list("12345")
    assert all(row.endswith("%") for row in rows)


def test_json_is_an_object_on_each_line_and_bad_files_do_not_stop_the_others(
    tmp_path: Path,
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    pictures = [PICTURES[1], text, tmp_path / "nothing.jpg", PICTURES[0]]
    done = run_process("-m", "classifier", *pictures, "--json")

    assert done.returncode == 1
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["image"] for record in records] == [str(PICTURES[1]), str(PICTURES[0])]
    assert all(len(record["predictions"]) == 5 for record in records)
    errors = done.stderr.splitlines()
    assert len(errors) == 2
    assert errors[0].startswith(f"{show(str(text))} is not a picture that can be read")
    assert errors[1].startswith(f"The file {show(str(tmp_path / 'nothing.jpg'))} does not exist")


def test_a_photograph_is_classified(run_command: Run) -> None:
    if not PHOTOS.is_dir():
        pytest.skip("../shared/data/photos is not here")
    _, printed, _ = run_command(PHOTOS / "n01443537_goldfish.jpg", "--json")

    assert "goldfish" in [top["label"] for top in json.loads(printed)["predictions"]]


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (["x.jpg", "--model", "resnet"], {}, "No model is called 'resnet'; the closest of"),
        (["fetch", "nothing"], {}, "No model is called 'nothing'; "),
        (
            ["x.jpg"],
            {"CLASSIFIER_MODELS": "resnet19"},
            "CLASSIFIER_MODELS is 'resnet19'; expected efficientnet_lite0, tiny, a torchvision",
        ),
        (["x.jpg"], {"CLASSIFIER_QUEUE_SIZE": "-1"}, "CLASSIFIER_QUEUE_SIZE is '-1'; expected"),
    ],
)
def test_a_wrong_name_or_setting_gets_a_message(
    run_command: Run, arguments: list[str], settings: dict[str, str], message: str
) -> None:
    code, printed, error = run_command(*arguments, **settings)

    assert (code, printed) == (1, "")
    assert error.startswith(message)
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ("tiny,resnet5", "CLASSIFIER_MODELS is 'resnet5'; expected"),
        ("./nothing", "./nothing is not a folder; expected one with the files of a model."),
        ("timm/resnet5", "timm has no pretrained model resnet5; the closest: resnet50"),
    ],
)
def test_the_app_does_not_start_with_a_wrong_model(
    tmp_path: Path, models: str, message: str
) -> None:
    settings = environment(CLASSIFIER_MODELS=models, GRADIO_SERVER_PORT=free_port())
    process = AppProcess(["app.py"], PROJECT, settings, tmp_path / "log.txt")

    assert process.wait(60) == 1
    printed = (tmp_path / "log.txt").read_text()
    assert printed.startswith(message)
    assert len(printed.splitlines()) == 1


def test_a_model_that_is_not_on_offer_can_be_used(run_command: Run, tmp_path: Path) -> None:
    save_onnx(tmp_path / "flowers")
    picture = str(PICTURES[0])

    code, printed, _ = run_command(picture, "--model", str(tmp_path / "flowers"), "--json")

    assert code == 0
    assert {top["label"] for top in json.loads(printed)["predictions"]} == set(LABELS)


def test_help_is_printed_without_arguments(run_command: Run) -> None:
    code, _, error = run_command()

    assert code == 2
    assert error.startswith("usage: python -m classifier")
    code, explained, _ = run_command("--help")
    assert code == 0
    assert "fetch-images" in explained


def test_fetch_shows_progress_and_names_the_file(
    weights: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    digest = hashlib.sha256(weights).hexdigest()[:8]
    load = torchvision_models.load
    with serving() as server:
        server.files["/resnet18.pth"] = weights
        monkeypatch.setattr(
            torchvision_models,
            "load",
            lambda name: replace(
                load(name), weights=RemoteWeights(server.address(f"/{name}.pth"), digest, 45)
            ),
        )
        monkeypatch.setenv("CLASSIFIER_CACHE", str(tmp_path))
        assert command_line.main(["fetch", "resnet18"]) == 0
        printed = capsys.readouterr()
        assert printed.out == f"resnet18: {tmp_path}/weights/resnet18.pth\n"
        assert "100 %" in printed.err

        # A download that fails does not stop the others.
        assert command_line.main(["fetch", "alexnet", "resnet18", "tiny"]) == 1
        printed = capsys.readouterr()
        assert [line.split(":")[0] for line in printed.out.splitlines()] == ["resnet18", "tiny"]
        assert "Could not download alexnet.pth" in printed.err
        assert server.requests["/resnet18.pth"] == 1

        assert command_line.main([str(PICTURES[0]), "--model", "resnet18", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["model"] == "resnet18"


def test_fetch_images_downloads_the_sample_pictures(run_command: Run, tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for picture in PICTURES[:2]:
            opened.write(picture, f"imagenet-sample-images-master/{picture.name}")
    folder = tmp_path / "pictures"
    with serving() as server:
        server.files["/master.zip"] = archive.getvalue()
        url = server.address("/master.zip")
        code, printed, progress = run_command("fetch-images", "--url", url, "--to", folder)

    assert code == 0, progress
    assert printed == f"2 pictures in {folder}. To offer them, set CLASSIFIER_IMAGES={folder}\n"
    assert "100 %" in progress
    assert sorted(path.name for path in folder.iterdir()) == [p.name for p in PICTURES[:2]]


def pictures_in(folder: Path, *names: str | bytes) -> Path:
    """Copies a picture under these names into a folder."""
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copyfile(PICTURES[0], os.fsencode(folder) + b"/" + os.fsencode(name))
    return folder


def test_a_folder_stands_for_its_pictures(run_command: Run, tmp_path: Path) -> None:
    folder = pictures_in(tmp_path / "folder", "b.jpg", "a.jpg", "notes.txt", ".hidden.jpg")
    (tmp_path / "empty").mkdir()

    code, output, errors = run_command("--json", folder, tmp_path / "empty", folder / "a.jpg")

    names = [json.loads(line)["image"] for line in output.splitlines()]
    assert names == [str(folder / name) for name in ("a.jpg", "b.jpg", "a.jpg")]
    assert code == 1
    assert errors.startswith(f"The folder {tmp_path / 'empty'} contains no pictures (avif, bmp, ")


def test_a_picture_can_come_from_the_standard_input(
    run_command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(PICTURES[0].read_bytes())))

    code, output, _ = run_command("classify", "-", "--json")

    prediction = json.loads(output)
    assert prediction["image"] == "standard input"
    assert prediction["predictions"][0]["label"] == PICTURES[0].stem
    assert code == 0


def test_names_that_are_not_utf_8_are_shown_with_replacement_characters(
    run_command: Run, tmp_path: Path
) -> None:
    folder = pictures_in(tmp_path / "folder", b"caf\xe9.jpg")

    _, listed, _ = run_command(folder)
    code, direct, _ = run_command("--json", os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jpg"))
    _, _, errors = run_command(os.fsdecode(b"nothing\xe9.jpg"))

    assert code == 0
    assert f"{folder}/caf\N{REPLACEMENT CHARACTER}.jpg" in listed
    assert json.loads(direct)["image"] == f"{folder}/caf\N{REPLACEMENT CHARACTER}.jpg"
    assert errors == (
        "The file 'nothing\N{REPLACEMENT CHARACTER}.jpg' does not exist; expected a picture.\n"
    )


def test_a_console_without_all_letters_loses_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows; Python would raise an error for the first letter that it cannot print."""
    folder = pictures_in(tmp_path / "folder", "日本.jpg", "z.jpg")
    console = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(console, encoding="cp1252"))
    monkeypatch.setattr("sys.argv", ["image-classifier", str(folder)])

    assert command_line.run() == 0

    assert b"??.jpg" in console.getvalue()
    assert b"z.jpg" in console.getvalue()


def test_a_reader_that_has_enough_ends_the_command_quietly(tmp_path: Path) -> None:
    folder = pictures_in(tmp_path / "folder", *(f"{number}.jpg" for number in range(20)))
    command = f"{shlex.quote(sys.executable)} -m classifier {shlex.quote(str(folder))} | head -1"

    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=PROJECT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert result.returncode == 128 + signal.SIGPIPE
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == ""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs after `pip install .`, in an environment of its own."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    for name in ("classifier", "images"):
        shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("*.pyc"))
    for name in ("pyproject.toml", "requirements.txt", "README.md"):
        shutil.copy(PROJECT / name, source)
    venv = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    # The packages of this environment are visible there, so that they need no second download.
    (packages,) = venv.glob("lib/python*/site-packages")
    (packages / "tests.pth").write_text(sysconfig.get_path("purelib"))
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([venv / "bin" / "python", *install, source], check=True, cwd=folder)
    shutil.rmtree(source)
    return venv / "bin"


def test_the_installed_command_classifies_from_any_folder(installed: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [installed / "image-classifier", PICTURES[0]],
        cwd="/",
        env=environment(CLASSIFIER_CACHE=tmp_path),
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert result.returncode == 0, result.stderr
    assert f"1  {PICTURES[0].stem}" in result.stdout


def test_the_installed_command_serves_the_page_with_the_gallery(
    installed: Path, tmp_path: Path
) -> None:
    port = free_port()
    settings = environment(CLASSIFIER_CACHE=tmp_path, GRADIO_SERVER_PORT=port)
    command = [str(installed / "image-classifier"), "serve"]
    with (tmp_path / "log.txt").open("w") as log:
        process = subprocess.Popen(command, cwd="/", env=settings, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:

        def is_ready() -> bool:
            assert process.poll() is None, (tmp_path / "log.txt").read_text()
            try:
                return httpx.get(f"{url}/ready", timeout=60).status_code == 200
            except httpx.TransportError:
                return False

        wait_for(is_ready, 120)
        assert httpx.get(f"{url}/info").json()["images"] == [file.name for file in PICTURES]
    finally:
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [
        ("ftp://nonsense", "a proxy in the environment is not valid (Unknown scheme"),
        ("http://127.0.0.1:9", "no connection ("),
        ("socks5://127.0.0.1:9", "no connection ("),
    ],
)
def test_a_proxy_that_does_not_work_is_explained(
    run_command: Run, tmp_path: Path, proxy: str, reason: str
) -> None:
    code, _, errors = run_command(
        "fetch", "resnet18", https_proxy=proxy, CLASSIFIER_CACHE=str(tmp_path)
    )

    assert code == 1
    sentence = errors.splitlines()[-1]
    assert sentence.startswith("Could not download resnet18-f37072fd.pth from https://")
    assert f": {reason}" in sentence
    assert "Traceback" not in errors
