"""The layers of `headwater`: imports point only backwards along the path of the data."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.project.sources import imports, modules, read_imports

LAYERS = (
    {
        "annotations",
        "archives",
        "causes",
        "frozen",
        "display",
        "numerals",
        "errors",
        "files",
        "ids",
        "lazy",
        "abort_hooks",
        "masking",
        "limits",
        "plugins",
        "shapes",
        "wide_text",
        "wire",
    },
    {"streams"},
    {"types"},
    {"events"},
    {"kinds"},
    {"config"},
    {"graph"},
    {"toolkit"},
    {"running"},
    {"api"},
    {"executors"},
    {"stores"},
    {""},  # `headwater/__init__.py`, the public face
    {"testing"},
    {"cli", "__main__"},
)
DOORS = {
    ("headwater.api.result", "headwater.api.views.notebook"),  # what a result looks like in a notebook
}
"""Imports within functions that close a circle: each is a convenience on top of what it imports."""

FOREIGN = {
    "headwater": {"headwater_steps", "headwater_subscribers", "headwater_server", "headwater_client"},
    "headwater_steps": {"headwater_subscribers", "headwater_server", "headwater_client"},
    "headwater_subscribers": {"headwater_steps", "headwater_server", "headwater_client"},
    "headwater_client": {"headwater_steps", "headwater_server"},
    "headwater_server": {"headwater_steps", "headwater_client"},
}


OPEN = {"headwater", "headwater.toolkit", "headwater.testing", "headwater.wire"}
"""What packages beside the engine may import from it: the names that any author may use."""


def layer(module: str) -> int:
    """Return the number of a module's layer, lowest first."""
    name = module.split(".")[1] if "." in module else ""
    numbers = [number for number, names in enumerate(LAYERS) if name in names]
    assert numbers, f"{module} belongs to no layer: put it into a package that has one, or give it one here"
    return numbers[0]


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return the names on a cycle of a graph, or nothing when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def test_every_module_has_a_layer() -> None:
    """Each module of the engine belongs to a layer."""
    assert all(layer(module) >= 0 for module in modules("headwater"))


def test_no_import_points_to_a_later_layer() -> None:
    """A module imports from its own layer and from earlier ones, wherever in the module the import stands."""
    wrong = [
        str(found)
        for found in imports("headwater")
        if found.target.partition(".")[0] == "headwater" and layer(found.target) > layer(found.importer)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", sorted(FOREIGN))
def test_modules_form_no_cycle_except_through_a_named_door(package: str) -> None:
    """No import leads back to its own module, also not one in a function or for type checkers alone."""
    graph: dict[str, set[str]] = {module: set() for module in modules(package)}
    for found in imports(package):
        is_own = found.target == found.importer  # `from . import submodule` in a package
        if found.target in graph and not is_own and (found.importer, found.target) not in DOORS:
            graph[found.importer].add(found.target)
    assert not cycle(graph), " <- ".join(cycle(graph))


def test_every_door_is_a_lazy_import() -> None:
    """A door is used, and opens only when its function is called."""
    lazy = {(found.importer, found.target) for package in FOREIGN for found in imports(package) if not found.at_import}
    eager = {(found.importer, found.target) for package in FOREIGN for found in imports(package) if found.at_import}
    assert lazy - eager >= DOORS


@pytest.mark.parametrize("package", sorted(FOREIGN))
def test_package_imports_none_that_it_must_not_know(package: str) -> None:
    """The engine finds steps and subscribers by entry points, and they do not know each other."""
    wrong = [str(found) for found in imports(package) if found.target.partition(".")[0] in FOREIGN[package]]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", sorted(FOREIGN.keys() - {"headwater"}))
def test_package_uses_only_what_authors_may_use(package: str) -> None:
    """What ships has no privilege: its packages import nothing from inside the engine."""
    wrong = [
        str(found)
        for found in imports(package)
        if found.target.partition(".")[0] == "headwater" and found.target not in OPEN
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("importer", "source", "target", "at_import"),
    [
        ("p.a.b", "import p.c", "p.c", True),
        ("p.a.b", "from p.c import name", "p.c", True),
        ("p.a.b", "from p.c import d", "p.c.d", True),
        ("p.a.b", "from . import name", "p.a", True),
        ("p.a.b", "from .. import c", "p.c", True),
        ("p.a", "from .c import name", "p.c", True),
        ("p.a", "from p import c", "p.c", True),
        ("p.a", "def f():\n    import p.c", "p.c", False),
        ("p.a", "class A:\n    import p.c", "p.c", True),
        ("p.a", "try:\n    import p.c\nexcept ImportError: pass", "p.c", True),
        ("p.a", "if TYPE_CHECKING:\n    import p.c", "p.c", False),
        ("p.a", "if typing.TYPE_CHECKING:\n    pass\nelse:\n    import p.c", "p.c", True),
    ],
)
def test_import_is_found_when_written_in_this_form(importer: str, source: str, target: str, at_import: bool) -> None:
    """The reader of imports, on which the tests above rely, knows every form of the statement."""
    known = frozenset({"p", "p.a", "p.a.b", "p.c", "p.c.d"})
    (found,) = read_imports(importer, ast.parse(source), is_package=False, known=known)
    assert (found.target, found.at_import) == (target, at_import)


def test_relative_import_stays_inside_when_the_module_is_a_package() -> None:
    """A dot in `__init__.py` means the package itself."""
    (found,) = read_imports("p.a", ast.parse("from .b import c"), is_package=True, known=frozenset())
    assert found.target == "p.a.b"


def test_cycle_is_found_when_modules_import_each_other() -> None:
    """The finder of cycles, on which the test above relies, finds one."""
    assert set(cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}})) == {"b", "c"}
    assert cycle({"a": {"b"}, "b": set()}) == []
