"""The scripts of docs/your-own-model.md, from a folder of pictures to a prediction."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from PIL import Image

from classifier import __main__ as command_line
from classifier.models.own import preprocessing
from classifier.models.own.files import LocalFiles
from tests.support.server import PROJECT

TEXT = (PROJECT / "docs" / "your-own-model.md").read_text()
SCRIPTS = dict(re.findall(r"<!-- trains: (\w+) -->\n```python\n(.*?)```\n", TEXT, re.DOTALL))
EXAMPLES = re.findall(r"<!-- preprocessing -->\n```json\n(.*?)```\n", TEXT, re.DOTALL)
COLOURS = {"daisy": (250, 250, 240), "rose": (200, 20, 40), "tulip": (240, 200, 30)}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of pictures: four of each label, in its colour with some noise."""
    noise = numpy.random.default_rng(0)
    for label, colour in COLOURS.items():
        folder = tmp_path / "pictures" / label
        folder.mkdir(parents=True)
        for number in range(4):
            pixels = noise.normal(colour, 30, (60, 80, 3)).clip(0, 255).astype(numpy.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.jpg")
    return tmp_path


def test_there_is_a_script_for_each_way() -> None:
    assert list(SCRIPTS) == ["timm", "transformers", "keras", "torchvision"]


@pytest.mark.parametrize("way", SCRIPTS)
def test_a_model_is_trained_and_classifies(
    way: str, pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPTS[way]],
        cwd=pictures,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr

    monkeypatch.chdir(pictures)
    monkeypatch.setenv("CLASSIFIER_CACHE", str(pictures / "cache"))
    monkeypatch.setenv("CLASSIFIER_DEVICE", "cpu")
    arguments = ["pictures/rose/0.jpg", "--model", "./models/flowers", "--json"]
    assert command_line.main(arguments) == 0
    record = json.loads(capsys.readouterr().out)

    assert record["model"] == "./models/flowers"
    assert {top["label"] for top in record["predictions"]} == set(COLOURS)
    assert sum(top["probability"] for top in record["predictions"]) == pytest.approx(1, abs=1e-4)


def test_the_examples_of_preprocessing_are_valid(tmp_path: Path) -> None:
    assert len(EXAMPLES) == 2
    for example in EXAMPLES:
        (tmp_path / "preprocessing.json").write_text(example)
        steps = preprocessing.read(LocalFiles(str(tmp_path)))
        assert steps.apply(Image.new("RGB", (300, 200))).shape == (3, 224, 224)


def test_every_key_of_preprocessing_is_described() -> None:
    described = re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE)))
    assert set(preprocessing.KEYS) <= set(described)
