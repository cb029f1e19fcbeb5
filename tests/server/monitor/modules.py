"""Runs the modules of the page in node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from headwater_server.monitor.page import static_files

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node, which runs the code of the page here, is not installed")


def run_module(name: str, given: str, folder: Path) -> str:
    """Run a script beside this module on the modules of the page, which are written to a folder; return its output."""
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")  # or node would not take them for ES modules
    (folder / "data").mkdir(exist_ok=True)
    for path, file in static_files().items():
        if path.startswith("data/"):
            (folder / path).write_bytes(file.content)
    assert NODE is not None
    command = [NODE, str(Path(__file__).parent / name), (folder / "data").as_uri()]
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return done.stdout
