"""`python -m classifier`, in a process of its own."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torchvision.models import resnet18

from classifier import __main__ as command_line
from classifier import catalog
from classifier.weights import Source
from tests.file_server import serving
from tests.serving import PROJECT, environment

PICTURES = sorted((PROJECT / "images").glob("*.jpg"))
PHOTOS = PROJECT.parent / "shared" / "data" / "photos"


Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs a command in this process: its exit code, what it prints, what it complains of."""

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


def run(*command: object, **settings: object) -> "subprocess.CompletedProcess[str]":
    """The same in a process of its own."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=PROJECT,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=100,
    )


def test_a_table_for_people(ask: Ask) -> None:
    code, table, complaints = ask(PICTURES[0])

    assert (code, complaints) == (0, "")
    head, *rows = table.splitlines()
    assert head.startswith(f"{PICTURES[0]} (tiny, ")
    assert [row.split()[0] for row in rows] == list("12345")
    assert all(row.endswith("%") for row in rows)


def test_json_is_an_object_a_line_in_order_and_a_bad_file_costs_no_other(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    pictures = [PICTURES[1], text, tmp_path, tmp_path / "nothing.jpg", PICTURES[0]]
    done = run("-m", "classifier", *pictures, "--json")

    assert done.returncode == 1
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["image"] for record in records] == [str(PICTURES[1]), str(PICTURES[0])]
    assert all(len(record["predictions"]) == 5 for record in records)
    complaints = done.stderr.splitlines()
    assert len(complaints) == 3
    assert "text.jpg' is not a picture that can be read" in complaints[0]
    assert "is a folder; expected a picture" in complaints[1]
    assert complaints[2].startswith("There is no file")


def test_a_photograph_is_classified(ask: Ask) -> None:
    if not PHOTOS.is_dir():
        pytest.skip("../shared/data/photos is not here")
    _, record, _ = ask(PHOTOS / "n01443537_goldfish.jpg", "--json")

    assert "goldfish" in [guess["label"] for guess in json.loads(record)["predictions"]]


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        (["x.jpg", "--model", "resnet"], {}, "No model is called 'resnet'; valid: tiny, resnet18,"),
        (["fetch", "nothing"], {}, "No model is called 'nothing'; valid: tiny, resnet18,"),
        (
            ["x.jpg"],
            {"CLASSIFIER_MODELS": "resnet19"},
            "CLASSIFIER_MODELS is 'resnet19'; expected torchvision classifiers or tiny "
            "(the nearest of",
        ),
        (["x.jpg"], {"CLASSIFIER_QUEUE_SIZE": "-1"}, "CLASSIFIER_QUEUE_SIZE is '-1'; expected"),
    ],
)
def test_a_wrong_name_or_setting_gets_a_sentence(
    ask: Ask, arguments: list[str], settings: dict[str, str], message: str
) -> None:
    code, printed, complaint = ask(*arguments, **settings)

    assert (code, printed) == (1, "")
    assert complaint.startswith(message)
    assert len(complaint.splitlines()) == 1


def test_the_app_does_not_start_with_a_wrong_setting() -> None:
    done = run("app.py", CLASSIFIER_MODELS="tiny,resnet5")

    assert done.returncode == 1
    assert done.stderr.startswith("CLASSIFIER_MODELS is 'resnet5'; expected")
    assert "resnet50" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_argument_explains_the_command(ask: Ask) -> None:
    code, _, complaint = ask()

    assert code == 2
    assert complaint.startswith("usage: python -m classifier")
    code, explained, _ = ask("--help")
    assert code == 0
    assert "fetch-images" in explained


def test_fetch_shows_progress_and_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content = io.BytesIO()
    torch.save(resnet18(weights=None).state_dict(), content)
    digest = hashlib.sha256(content.getvalue()).hexdigest()[:8]
    published = catalog.published
    with serving() as server:
        server.files["/resnet18.pth"] = content.getvalue()
        monkeypatch.setattr(
            catalog,
            "published",
            lambda name: replace(
                published(name), weights=Source(server.address(f"/{name}.pth"), digest, 45)
            ),
        )
        monkeypatch.setenv("CLASSIFIER_CACHE", str(tmp_path))
        assert command_line.main(["fetch", "resnet18"]) == 0
        printed = capsys.readouterr()
        assert printed.out == f"resnet18: {tmp_path}/weights/resnet18.pth\n"
        assert "100 %" in printed.err

        # The one that cannot be had does not keep the others back.
        assert command_line.main(["fetch", "alexnet", "resnet18", "tiny"]) == 1
        printed = capsys.readouterr()
        assert [line.split(":")[0] for line in printed.out.splitlines()] == ["resnet18", "tiny"]
        assert "Could not fetch alexnet.pth" in printed.err
        assert server.requests["/resnet18.pth"] == 1

        assert command_line.main([str(PICTURES[0]), "--model", "resnet18", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["model"] == "resnet18"


def test_fetch_images_brings_pictures_to_offer(ask: Ask, tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for picture in PICTURES[:2]:
            opened.write(picture, f"imagenet-sample-images-master/{picture.name}")
    folder = tmp_path / "pictures"
    with serving() as server:
        server.files["/master.zip"] = archive.getvalue()
        url = server.address("/master.zip")
        code, printed, progress = ask("fetch-images", "--url", url, "--to", folder)

    assert code == 0, progress
    assert printed == f"2 pictures in {folder}; offer them with CLASSIFIER_IMAGES={folder}\n"
    assert "100 %" in progress
    assert sorted(path.name for path in folder.iterdir()) == [p.name for p in PICTURES[:2]]
