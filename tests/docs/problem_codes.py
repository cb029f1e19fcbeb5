"""The codes of problems that the sources can tell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

# What makes a problem, and takes its code as an argument.
MAKERS = {
    "Fault",
    "Problem",
    "PydanticCustomError",
    "_Kind",
    "_UnresolvedError",
    "_add",
    "_problem",
    "_refusal",
    "_refuse",
    "add",
    "fail",
    "note",
}
CODE = re.compile(r"[a-z]+(-[a-z]+)*")
LONGEST_PLACE = 2


def codes(folder: Path) -> set[str]:
    """Return the codes in the Python files below a folder, with `*` for what is filled in when it runs."""
    trees = (ast.parse(file.read_text("utf-8")) for file in folder.rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {
        code for node in nodes for value in _values(node) if CODE.fullmatch((code := _text(value)).replace("*", "x"))
    }


def _values(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions that say a code, if it is a call that takes one, or an assignment to `code`."""
    found: list[ast.expr] = []
    if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in MAKERS:
        found = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
        if len(node.args) > 1:  # else it is a set that something is added to
            found += node.args[:LONGEST_PLACE]
    elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "code":
        found = [node.value]
    for value in found:
        yield from [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    return ""
