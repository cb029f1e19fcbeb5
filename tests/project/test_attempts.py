"""The number of an attempt is carried along from the execution, never written down where it is used."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.project.sources import modules

NAMES = {"attempt", "attempts"}


def named_values(node: ast.AST) -> Iterator[tuple[str | None, ast.expr | None]]:
    """Yield the names to which a node gives a value, as argument, default, key or variable, with the value."""
    match node:
        case ast.keyword(arg=name, value=value):
            yield name, value
        case ast.arguments():
            positional = [*node.posonlyargs, *node.args]
            defaults = zip(positional[len(positional) - len(node.defaults) :], node.defaults, strict=True)
            for argument, default in (*defaults, *zip(node.kwonlyargs, node.kw_defaults, strict=True)):
                yield argument.arg, default
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                yield (str(key.value) if isinstance(key, ast.Constant) else None), value
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield getattr(target, "id", getattr(target, "attr", None)), value
        case ast.AnnAssign(target=target, value=value):
            yield getattr(target, "id", getattr(target, "attr", None)), value
        case _:
            pass


def literals(tree: ast.AST) -> list[int]:
    """Return the lines on which an attempt is given a literal number."""
    return [
        value.lineno
        for node in ast.walk(tree)
        for name, value in named_values(node)
        if name in NAMES and isinstance(value, ast.Constant) and isinstance(value.value, int)
    ]


@pytest.mark.parametrize("package", ["headwater", "headwater_steps", "headwater_subscribers"])
def test_no_attempt_is_a_literal_when_a_module_names_one(package: str) -> None:
    """Every module takes the number from an `Attempt`, an event or `FIRST_ATTEMPT`."""
    wrong = [
        f"{module}:{line}"
        for module, file in modules(package).items()
        for line in literals(ast.parse(file.read_bytes(), file))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "source",
    [
        "f(attempt=1)",
        "def f(attempt: int = 1): ...",
        "def f(*, attempts=1): ...",
        "attempt = 1",
        "self.attempts = 2",
        "class A:\n    attempt: int = 1",
        "{'attempt': 1}",
    ],
)
def test_literal_is_found_when_written_in_this_form(source: str) -> None:
    """The finder of literals, on which the test above relies, knows every form."""
    assert literals(ast.parse(source))


def test_constant_is_accepted_when_it_has_a_name() -> None:
    """A named constant, or the number of another attempt, is not a literal."""
    assert not literals(ast.parse("f(attempt=FIRST_ATTEMPT, attempts=record.attempt, next_attempt=2)"))
