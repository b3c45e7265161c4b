"""The structure of the package: pyproject.toml describes which rooms may import which."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import PROJECT

PACKAGE = PROJECT / "classifier"
INTERNALS = PACKAGE / "gradio_internals"
# What Gradio documents for users. Everything else belongs in gradio_internals.
PUBLIC_GRADIO = {"gradio"}
PATCHES = sorted(file for file in INTERNALS.glob("*.py") if file.name != "__init__.py")
HEAD = re.compile(
    r"\nGradio (?P<version>\d+\.\d+): .+\.\n"
    r"Without it: (?P<file>\S+\.py)::(?P<test>\w+)\n"
    r"Remove when: .+\.\n"
)


def test_rooms_import_only_rooms_below_them() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=100)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", PATCHES, ids=lambda file: file.stem)
def test_a_module_that_relies_on_gradio_says_why_and_until_when(file: Path) -> None:
    docstring = ast.get_docstring(ast.parse(file.read_text()), clean=False)
    head = HEAD.fullmatch(docstring or "")

    assert head, f"{file.name} has no head of three lines"
    test_file = PROJECT / head["file"]
    assert test_file.is_relative_to(PROJECT / "tests" / "gradio_internals")
    assert f"def {head['test']}(" in test_file.read_text()


def test_only_gradio_internals_import_from_inside_gradio() -> None:
    found = []
    for file in [*PACKAGE.rglob("*.py"), PROJECT / "app.py"]:
        if file.is_relative_to(INTERNALS):
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
            found += [
                f"{file.relative_to(PROJECT)}: {name}"
                for name in names
                if name.split(".")[0] == "gradio" and name not in PUBLIC_GRADIO
            ]

    assert not found


def test_only_gradio_internals_use_private_names_of_gradio() -> None:
    private = re.compile(r"\b(page|demo|blocks|app|gradio)\._[a-z]")
    found = [
        file.name
        for file in PACKAGE.rglob("*.py")
        if not file.is_relative_to(INTERNALS) and private.search(file.read_text())
    ]

    assert not found
