"""What an import brings along, and what may not be imported at all."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.project.sources import imports

HEAVY = ("networkx", "structlog", "typer", "rich", "yaml")
UNSAFE = {"pickle", "shelve", "marshal", "dill", "cloudpickle"}


def loaded_by(statement: str) -> set[str]:
    """Return the names of all modules that a fresh interpreter has loaded after a statement."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_import_is_light_when_only_the_engine_is_imported() -> None:
    """`import headwater` leaves every library that it needs only later where it is."""
    loaded = loaded_by("import headwater")
    assert "headwater" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_import_works_without_extras_when_only_the_engine_is_imported() -> None:
    """No part of the public face needs the package of an extra."""
    loaded_by("sys.modules.update(typer=None, rich=None, yaml=None, uvloop=None)\nfrom headwater import *")


@pytest.mark.parametrize("package", ["headwater", "headwater_steps", "headwater_subscribers"])
def test_no_module_imports_asyncio(package: str) -> None:
    """Everything is anyio, so that it runs on trio as well."""
    wrong = [str(found) for found in imports(package) if found.target.partition(".")[0] == "asyncio"]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", ["headwater", "headwater_steps", "headwater_subscribers"])
def test_no_module_imports_what_runs_code_when_it_reads_data(package: str) -> None:
    """Nothing that is read back may run code, so nothing is pickled."""
    wrong = [str(found) for found in imports(package) if found.target.partition(".")[0] in UNSAFE]
    assert not wrong, "\n".join(wrong)
