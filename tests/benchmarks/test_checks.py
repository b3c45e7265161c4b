"""The benchmarks report missing requirements in one sentence, without a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import checks
from benchmarks.arguments import output_folder, positive, require_program
from benchmarks.checks import Parser, require_linux, require_packages
from tests.support.server import PROJECT


def message(error: pytest.ExceptionInfo[SystemExit]) -> str:
    """Returns the text that Python prints to stderr for `sys.exit(text)`."""
    assert isinstance(error.value.code, str)
    return error.value.code


def test_the_checks_need_only_the_standard_library() -> None:
    command = [sys.executable, "-I", "-S", "-c", "import sys; sys.path.insert(0, '.')"]
    command[-1] += "; import benchmarks.checks"

    subprocess.run(command, cwd=PROJECT, check=True)


def test_an_invalid_argument_is_explained_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    parser = Parser()
    parser.add_argument("--output", type=output_folder)

    with pytest.raises(SystemExit) as error:
        parser.parse_args(["--output", str(tmp_path / "file" / "results")])

    assert message(error).startswith("Argument --output: the results cannot be written to ")
    assert message(error).endswith(".")
    assert "\n" not in message(error)
    assert capsys.readouterr().err == ""


def test_a_default_folder_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    parser = Parser()
    parser.add_argument("--output", type=output_folder, default=str(tmp_path / "file"))

    with pytest.raises(SystemExit) as error:
        parser.parse_args([])

    assert "cannot be written" in message(error)


@pytest.mark.parametrize("text", ["0", "-2.5", "inf", "nan", "many"])
def test_a_duration_is_a_finite_number_above_zero(text: str) -> None:
    parser = Parser()
    parser.add_argument("--seconds", type=positive(float))

    with pytest.raises(SystemExit) as error:
        parser.parse_args([f"--seconds={text}"])

    assert message(error) == f"Argument --seconds: {text} is not a number above 0."


def test_missing_packages_are_named() -> None:
    with pytest.raises(SystemExit) as error:
        require_packages(Parser(), "argparse", "no_such_package", "nor_this_one")

    assert "needs no_such_package, nor_this_one;" in message(error)
    assert "pip install -r benchmarks/requirements.txt" in message(error)
    assert (PROJECT / checks.REQUIREMENTS).is_file()


def test_installed_packages_are_accepted() -> None:
    require_packages(Parser(), "argparse", "json")


def test_a_missing_program_ends_with_a_sentence() -> None:
    with pytest.raises(SystemExit) as error:
        require_program(Parser(), "no-such-program", "this benchmark")

    assert message(error).startswith("This benchmark needs no-such-program; ")


def test_another_system_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "MEMORY", tmp_path / "statm")
    with pytest.raises(SystemExit) as error:
        require_linux(Parser())

    assert message(error).startswith("This benchmark needs Linux")
