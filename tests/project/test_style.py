"""The two habits of this test suite that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
FILES = sorted(TESTS.rglob("test_*.py"))
SLEEP = re.compile(r"\bsleep\((?!0?\))[^#]*$")


def is_paragraph(text: str) -> bool:
    """Return whether a text is one paragraph that ends with a period."""
    return text.endswith(".") and "\n\n" not in text


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(TESTS).as_posix())
def test_every_test_says_in_a_sentence_what_holds(file: Path) -> None:
    """Each test has a docstring of one paragraph that ends like a sentence."""
    wrong = [
        f"{file.name}:{node.lineno} {node.name}"
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not is_paragraph(ast.get_docstring(node) or "")
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(TESTS).as_posix())
def test_no_test_sleeps_without_a_reason(file: Path) -> None:
    """Tests wait for events, not for time; a sleep that is itself under test says so on its line."""
    lines = file.read_text("utf-8").splitlines()
    wrong = [f"{file.name}:{number} {line.strip()}" for number, line in enumerate(lines, 1) if SLEEP.search(line)]
    assert not wrong, "\n".join(wrong)
