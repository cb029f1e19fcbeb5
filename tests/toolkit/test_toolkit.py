"""The names of the toolkit."""

from __future__ import annotations

import subprocess
import sys
from inspect import getdoc, isclass, isfunction

import pytest

from headwater import toolkit

HEAVY = ("networkx", "structlog", "pydantic")


def test_import_is_light() -> None:
    """A module that imports the toolkit pays for the names that it uses, when it uses them."""
    code = "import sys, headwater.toolkit\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()).isdisjoint(HEAVY)


@pytest.mark.parametrize("name", toolkit.__all__)
def test_name_says_what_it_is_for(name: str) -> None:
    """Each function and class has a docstring that begins with a sentence."""
    value = getattr(toolkit, name)
    if isclass(value) or isfunction(value):
        doc = getdoc(value) or ""
        assert doc.partition("\n")[0].endswith((".", ":"))
