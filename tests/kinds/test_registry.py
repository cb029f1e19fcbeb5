"""Kinds by name: what is installed, what is decorated, and what happens where they meet."""

from __future__ import annotations

import gc
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.errors import StepDefinitionError
from headwater.kinds import Registry, Step, load_steps, step
from headwater.kinds.binding import locate
from headwater.kinds.registry import registry

UPPER = """
    from headwater.kinds import step

    @step("{kind}")
    def upper(text: str) -> str:
        return text.upper()
"""


@pytest.fixture
def entries() -> list[EntryPoint]:
    """The entry points of installed packages; a test adds its own before it asks for a kind."""
    return []


@pytest.fixture
def kinds(entries: list[EntryPoint], monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A registry of its own, into which `step` and `Step` register."""
    own = Registry(lambda: entries)
    monkeypatch.setattr(sys.modules["headwater.kinds.step"], "registry", own)
    return own


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Write modules that can be imported while the test runs."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def write_module(name: str, source: str, **values: Any) -> str:
        path = tmp_path / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source).format(**values), encoding="utf-8")
        return str(path)

    yield write_module
    for name in set(sys.modules) - before:
        del sys.modules[name]


def _entry(kind: str, value: str) -> EntryPoint:
    return EntryPoint(kind, value, "headwater.steps")


def _code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(StepDefinitionError) as caught:
        call()
    return caught.value.problems[0].code


# ---------------------------------------------------------------- decorated steps


def test_finds_what_is_decorated(kinds: Registry) -> None:
    """A step is found by its kind as soon as it is defined."""

    @step("reg.upper")
    def upper(text: str) -> str:
        return text

    class Lower(Step, kind="reg.lower"):
        def run(self, text: str) -> str:
            return text

    assert kinds.find("reg.upper") is upper
    assert kinds.find("reg.lower") is Lower
    assert kinds.find("reg.other") is None
    assert kinds.kinds() == ["reg.lower", "reg.upper"]


def test_forgets_what_is_gone(kinds: Registry) -> None:
    """A step that is local to a function is gone with it, and its kind is free again."""

    def define() -> None:
        @step("reg.local")
        def local(text: str) -> str:
            return text

        class Local(Step, kind="reg.local_class"):
            def run(self, text: str) -> str:
                return text

        assert kinds.kinds() == ["reg.local", "reg.local_class"]

    def define_again() -> None:
        @step("reg.local_class")
        def local(text: str) -> str:
            return text

        assert kinds.find("reg.local_class") is local

    define()
    define_again()
    gc.collect()
    assert kinds.kinds() == []
    assert kinds.find("reg.local") is None


def test_refuses_a_second_definition(kinds: Registry) -> None:
    """Two living steps of one kind are a mistake, told at the second with the places of both."""

    @step("reg.twice")
    def first(text: str) -> str:
        return text

    with pytest.raises(StepDefinitionError) as caught:

        @step("reg.twice")
        def second(text: str) -> str:
            return text

    (problem,) = caught.value.problems
    assert problem.code == "duplicate-kind"
    assert str(first.definition.origin) in problem.message
    assert "second" in problem.message
    assert (problem.file, problem.line) != (__file__, first.definition.origin.line)
    assert kinds.find("reg.twice") is first


def test_replaces_what_is_defined_again(kinds: Registry) -> None:
    """The same place defined again, as when a module is reloaded, is the same step in a newer form."""

    def define() -> Any:
        @step("reg.again")
        def again(text: str) -> str:
            return text

        return again

    old, new = define(), define()
    assert old is not new
    assert kinds.find("reg.again") is new


CELL = """
from headwater import Step, step


@step("reg.cell")
def cell(text: str) -> str:
    return text


class Cell(Step, kind="reg.cell_class"):
    def run(self, text: str) -> str:
        return text
"""


@pytest.mark.parametrize(("module", "clashes"), [("__main__", False), ("some_module", True)])
def test_replaces_what_a_cell_of_a_notebook_defines_again(kinds: Registry, module: str, *, clashes: bool) -> None:
    """A notebook compiles each form of a cell as a file of its own, while the form before is still in use."""
    names: dict[str, Any] = {"__name__": module}
    exec(compile(CELL, "/cells/1.py", "exec"), names)  # noqa: S102 - as a notebook does
    held = names["cell"], names["Cell"]
    if clashes:
        with pytest.raises(StepDefinitionError, match="duplicate-kind"):
            exec(compile(CELL, "/cells/2.py", "exec"), names)  # noqa: S102 - as above
        return
    exec(compile(CELL, "/cells/2.py", "exec"), names)  # noqa: S102 - as above
    assert kinds.find("reg.cell") is names["cell"] is not held[0]
    assert kinds.find("reg.cell_class") is names["Cell"] is not held[1]


# ---------------------------------------------------------------- installed steps


def test_imports_an_installed_kind_when_it_is_used(kinds: Registry, entries: list[EntryPoint], write: Any) -> None:
    """Listing imports nothing; finding a kind imports its module only."""
    write("used_module", UPPER, kind="reg.used")
    write("unused_module", UPPER, kind="reg.unused")
    entries += [_entry("reg.used", "used_module:upper"), _entry("reg.unused", "unused_module:upper")]
    assert kinds.kinds() == ["reg.unused", "reg.used"]
    assert kinds.suggest("reg.usd") == ["reg.used", "reg.unused"]
    assert not {"used_module", "unused_module"} & set(sys.modules)
    found = kinds.find("reg.used")
    assert found is sys.modules["used_module"].upper
    assert "unused_module" not in sys.modules
    assert kinds.find("reg.used") is found


@pytest.mark.parametrize(
    ("source", "value", "code", "words"),
    [
        (UPPER, "some_module:lower", "import-failed", ["lower", "AttributeError"]),
        (UPPER, "other_module:upper", "import-failed", ["other_module", "ModuleNotFoundError"]),
        ("import missing_package", "some_module:upper", "import-failed", ["missing_package", "some_module.py:1"]),
        ("def broken(:", "some_module:upper", "import-failed", ["SyntaxError", "some_module.py:1"]),
        ("raise SystemExit(3)", "some_module:upper", "import-failed", ["SystemExit: 3", "some_module.py:1"]),
        ("upper = 3", "some_module:upper", "not-a-step", ["is installed as the step", "3"]),
        (UPPER.replace("{kind}", "reg.other"), "some_module:upper", "not-a-step", ["reg.other"]),
    ],
)
def test_reports_what_is_wrong_with_an_installed_kind(  # noqa: PLR0917 - a table of four columns
    kinds: Registry, entries: list[EntryPoint], write: Any, source: str, value: str, code: str, words: list[str]
) -> None:
    """A package that cannot be used is told with its name and the cause, only when its kind is asked for."""
    write("some_module", source, kind="reg.some")
    write("good_module", UPPER, kind="reg.good")
    entries += [_entry("reg.some", value), _entry("reg.good", "good_module:upper")]
    assert kinds.find("reg.good") is not None
    for _ in range(2):
        with pytest.raises(StepDefinitionError) as caught:
            kinds.find("reg.some")
        assert caught.value.problems[0].code == code
        assert all(word in str(caught.value) for word in [*words, "reg.some", value])


def test_reports_a_wrong_definition_of_an_installed_kind(
    kinds: Registry, entries: list[EntryPoint], write: Any
) -> None:
    """What is wrong with the definition itself is told beside the import that failed."""
    write("some_module", UPPER.replace("text: str", "text"), kind="reg.some")
    entries += [_entry("reg.some", "some_module:upper")]
    with pytest.raises(StepDefinitionError) as caught:
        kinds.find("reg.some")
    assert [problem.code for problem in caught.value.problems] == ["import-failed", "missing-annotation"]


def test_refuses_a_kind_that_is_installed_twice(kinds: Registry, entries: list[EntryPoint], write: Any) -> None:
    """Two packages with one kind are told when that kind is used; the same one listed twice is not."""
    write("one_module", UPPER, kind="reg.both")
    write("same_module", UPPER, kind="reg.same")
    entries += [_entry("reg.both", "one_module:upper")]
    entries += [_entry("reg.both", "two_module:upper"), _entry("reg.same", "same_module:upper")]
    entries += [_entry("reg.same", "same_module:upper")]
    assert _code_of(lambda: kinds.find("reg.both")) == "duplicate-kind"
    assert kinds.find("reg.same") is not None


@pytest.mark.parametrize("imported_first", [False, True])
def test_refuses_a_user_step_of_an_installed_kind(
    kinds: Registry, entries: list[EntryPoint], write: Any, imported_first: bool
) -> None:
    """Whoever comes first, a kind that two define is refused, and its neighbours in the module still work."""
    source = Path(write("shipped_module", UPPER, kind="reg.shipped")).read_text(encoding="utf-8")
    write("shipped_module", source + source.replace("upper", "lower").replace("reg.shipped", "reg.neighbour"))
    entries += [_entry("reg.shipped", "shipped_module:upper"), _entry("reg.neighbour", "shipped_module:lower")]

    def define() -> Any:
        @step("reg.shipped")
        def mine(text: str) -> str:
            return text

        return mine

    if imported_first:
        assert kinds.find("reg.shipped") is not None
        assert _code_of(define) == "duplicate-kind"
    else:
        mine = define()
        assert kinds.find("reg.neighbour") is not None
        with pytest.raises(StepDefinitionError) as caught:
            kinds.find("reg.shipped")
        assert __file__ in str(caught.value)
        assert "shipped_module.py" in str(caught.value)
        del mine, caught
        assert kinds.find("reg.shipped") is sys.modules["shipped_module"].upper


def test_refuses_a_clash_inside_an_installed_module(kinds: Registry, entries: list[EntryPoint], write: Any) -> None:
    """A clash of a kind that is not the one asked for does not keep the module from being imported."""
    source = Path(write("shipped_module", UPPER, kind="reg.hidden")).read_text(encoding="utf-8")
    write("shipped_module", source + source.replace("upper", "lower").replace("reg.hidden", "reg.asked"))
    entries += [_entry("reg.asked", "shipped_module:lower")]

    @step("reg.hidden")
    def mine(text: str) -> str:
        return text

    assert kinds.find("reg.asked") is not None
    assert _code_of(lambda: kinds.find("reg.hidden")) == "duplicate-kind"


def test_knows_the_installed_kinds() -> None:
    """The registry of the process reads the entry points of the group `headwater.steps`."""
    assert set(registry.kinds()) >= {"text.words", "source.lines"}


@given(st.text(max_size=300))
def test_suggests_only_kinds_that_are_there(kind: str) -> None:
    """Suggestions are few, known, and cheap for any text."""
    own = Registry(lambda: [EntryPoint(f"text.kind{index}", "nowhere:nothing", "g") for index in range(20)])
    suggestions = own.suggest(kind)
    assert len(suggestions) <= 3
    assert set(suggestions) <= set(own.kinds())


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("source.cvs", ["source.csv"]),
        ("text.word", ["text.words"]),
        ("txt.words", ["text.words"]),
        ("words", ["text.words"]),
        ("stream.fliter", ["stream.filter"]),
        ("stream.shuffle", []),
        ("source.excel", []),
        ("", []),
    ],
)
def test_suggests_what_was_meant_whatever_the_family(written: str, meant: list[str]) -> None:
    """What all kinds of a family share makes none of them a likely one."""
    names = ["source.csv", "source.lines", "stream.filter", "stream.skip", "text.words", "text.lower"]
    assert Registry(lambda: [EntryPoint(name, "nowhere:nothing", "g") for name in names]).suggest(written) == meant


# ---------------------------------------------------------------- what the operator names


def test_loads_a_file(kinds: Registry, write: Any) -> None:
    """A file is imported once, and its steps are there."""
    path = write("my_steps", UPPER, kind="reg.mine")
    assert load_steps(path) == ["reg.mine"]
    found = kinds.find("reg.mine")
    assert found is not None
    assert load_steps(path) == ["reg.mine"]
    assert kinds.find("reg.mine") is found
    assert locate(found.definition.origin) is found
    assert found.definition.origin.file == path


def test_loads_a_module(kinds: Registry, write: Any) -> None:
    """A module is imported by its name; a package has the steps of the modules that it imports."""
    write("my_package.__init__", "import my_package.inner")
    write("my_package.inner", UPPER, kind="reg.inner")
    write("my_module", "from my_package.inner import upper")
    assert load_steps("my_package") == ["reg.inner"]
    assert load_steps("my_module") == ["reg.inner"]
    found = kinds.find("reg.inner")
    assert found is not None
    assert locate(found.definition.origin) is found


def test_finds_a_file_again_in_a_new_process(kinds: Registry, write: Any) -> None:
    """A worker process, which has imported nothing yet, finds a step by its origin."""
    load_steps(write("my_steps", UPPER, kind="reg.mine"))
    found: Any = kinds.find("reg.mine")
    origin = found.definition.origin
    del found, sys.modules[origin.module]
    again: Any = locate(origin)
    assert again("x") == "X"
    script: Any = locate(replace(origin, module="__main__"))
    assert script("x") == "X"


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        ("import os\nimport missing_package\n", "import-failed", 2),
        ("x = 1\n\ndef broken(:\n", "import-failed", 3),
        ("def fail():\n    raise ValueError('no')\n\nfail()\n", "import-failed", 2),
        ("import sys\nsys.exit()\n", "import-failed", 2),
        ("from headwater.kinds import Step, step\n", "no-steps", None),
        (textwrap.dedent(UPPER).replace("text: str", "text").replace("{kind}", "reg.bad"), "missing-annotation", 4),
    ],
)
def test_reports_why_a_file_cannot_be_used(write: Any, source: str, code: str, line: int | None) -> None:
    """What fails in the operator's file is told with the file and the line."""
    path = write("my_steps", source)
    with pytest.raises(StepDefinitionError) as caught:
        load_steps(path)
    problem = caught.value.problems[0]
    assert (problem.code, problem.file) == (code, path)
    assert line in {None, problem.line}


@pytest.mark.parametrize("name", ["no/such/file.py", "no_such_module", "", ".relative", "headwater.errors"])
def test_reports_that_no_step_is_defined(name: str) -> None:
    """A file or module that is not there, or has no steps, is told by its name."""
    with pytest.raises(StepDefinitionError) as caught:
        load_steps(name)
    assert repr(name) in str(caught.value)


def test_loads_what_the_type_checkers_read() -> None:
    """All the steps of the file that the type checkers read are right at run time as well."""
    path = Path(__file__).parents[1] / "typing" / "api.py"
    loaded = load_steps(str(path))
    assert len(loaded) == 9
    assert all(kind.startswith("typing.") for kind in loaded)
