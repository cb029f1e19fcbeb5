"""The examples in docstrings do what they show."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from tests.project.sources import modules

PACKAGES = ("headwater", "headwater_client", "headwater_server", "headwater_steps", "headwater_subscribers")
STARTED = {"headwater.cli.__main__", "headwater.running.workers.process_main"}
MODULES = sorted(name for package in PACKAGES for name in modules(package) if name not in STARTED)


@pytest.mark.parametrize("name", MODULES)
def test_runs_as_shown(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example of a module gives what stands below it; it may leave files in its working directory."""
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert not result.failed, "what was expected and found is printed above"
