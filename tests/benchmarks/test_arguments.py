"""The benchmarks check what they need before they measure."""

import argparse
from pathlib import Path

import pytest

from benchmarks.arguments import output_folder, picture_folder, positive, require_program
from tests.support.permissions import as_nobody
from tests.support.server import PROJECT


def test_a_folder_for_the_results_is_created(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "results"

    assert output_folder(str(folder)) == folder
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_created_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(argparse.ArgumentTypeError, match=r"cannot be written to .*/file/results"):
        output_folder(str(tmp_path / "file" / "results"))


def test_a_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with as_nobody(), pytest.raises(argparse.ArgumentTypeError, match="Permission denied"):
        output_folder(str(tmp_path))
    tmp_path.chmod(0o700)


def test_a_folder_without_pictures_is_explained(tmp_path: Path) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="contains no pictures"):
        picture_folder(str(tmp_path))

    assert picture_folder(str(PROJECT / "images")) == PROJECT / "images"


@pytest.mark.parametrize("text", ["0", "-1", "many", "nan", ""])
def test_a_number_that_is_not_above_zero_is_explained(text: str) -> None:
    for number in (int, float):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a number above 0"):
            positive(number)(text)


def test_a_missing_program_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        require_program(argparse.ArgumentParser(), "no-such-program", "This benchmark")

    assert "This benchmark needs no-such-program" in capsys.readouterr().err
