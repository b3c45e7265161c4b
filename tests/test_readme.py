"""The examples of the documentation print what it shows, and its facts are correct."""

import re
import shutil
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path

import gradio
import pytest
import yaml

from classifier import Settings
from tests.support import readme
from tests.support.readme import MODELS_PAGE, PAGES, README, Example
from tests.support.server import PROJECT, Server

NUMBER = re.compile(r"(\d+\.?\d*)(%?)")


@pytest.mark.parametrize("example", readme.examples(), ids=lambda example: example.code[:40])
def test_an_example_prints_what_is_shown(
    server: Server, slow_server: Server, example: Example
) -> None:
    if example.language == "javascript" and not shutil.which("node"):
        pytest.skip("Node is not here to run the JavaScript example")
    with readme.occupied(slow_server) if example.busy else nullcontext():
        output = readme.run(example, slow_server if example.busy else server)
    if example.busy and "status" in example.code:
        printed = output.splitlines()
        shown = example.output.splitlines()
        # How often it is asked depends on the machine; the order of what it says does not.
        assert stages(shown[:-1]) == ["Status.IN_QUEUE", "Status.PROCESSING"]
        assert stages(printed[:-1]) == stages(shown[:-1])
        assert_alike(printed[-1], shown[-1])
    else:
        assert_alike(output, example.output)


def stages(lines: list[str]) -> list[str]:
    """The statuses that lines tell, each once."""
    return list(dict.fromkeys(line.split()[0] for line in lines if "STARTING" not in line))


def assert_alike(printed: str, shown: str) -> None:
    """The same words; the same numbers but for rounding, times left out."""
    both = [
        re.sub(r"""("seconds": |'seconds': )[\d.]+|\d+ ms""", "TIME", text)
        for text in (printed, shown)
    ]
    words = [NUMBER.sub("#", text) for text in both]
    assert words[0] == words[1]
    numbers = [
        [float(number) / (100 if percent else 1) for number, percent in NUMBER.findall(text)]
        for text in both
    ]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.02, abs=0.0005)


def test_the_examples_are_all_found() -> None:
    languages = [example.language for example in readme.examples()]

    assert languages.count("python") == 4
    assert languages.count("sh") == 3
    assert languages.count("javascript") == 1
    texts = [page.read_text() for page in PAGES]
    assert sum(text.count("<!-- example:") for text in texts) == len(languages)


def test_the_table_of_models_is_the_catalogue() -> None:
    assert readme.model_rows() in MODELS_PAGE.read_text()


def test_the_header_makes_a_space_of_the_pinned_gradio() -> None:
    _, header, _ = README.read_text().split("---\n", 2)
    space = yaml.safe_load(header)
    pins = dict(
        line.split("==") for line in (PROJECT / "requirements.txt").read_text().splitlines()
    )

    assert space["sdk"] == "gradio"
    assert space["sdk_version"] == pins["gradio"] == gradio.__version__
    assert (PROJECT / space["app_file"]).is_file()
    assert space["python_version"] == "3.11"
    assert space["license"] == "mit"
    assert (PROJECT / "LICENSE").read_text().startswith("MIT License")
    assert len(space["short_description"]) <= 60
    for colour in (space["colorFrom"], space["colorTo"]):
        assert colour in {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {"title", "emoji", "tags"} <= set(space)
    assert "image-classification" in space["tags"]


def test_every_setting_is_explained() -> None:
    settings = set(re.findall(r"CLASSIFIER_[A-Z_]+|GRADIO_SERVER_[A-Z]+", README.read_text()))

    assert settings == {
        f"{'GRADIO' if field.name.startswith('server_') else 'CLASSIFIER'}_{field.name.upper()}"
        for field in fields(Settings)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    for path in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text()):
        assert (page.parent / path).exists(), path


def test_every_page_can_be_reached_from_the_readme() -> None:
    for page in PAGES[1:]:
        assert f"(docs/{page.name})" in README.read_text()
        assert "(../README.md)" in page.read_text()


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) < 250
