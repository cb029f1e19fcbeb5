"""Interpreters in which the packages of some extras cannot be imported, as if they were not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["MODULES", "without"]

ROOT = Path(__file__).parents[1]
MODULES = {
    "cli": ["rich", "typer"],
    "yaml": ["yaml"],
    "opentelemetry": ["opentelemetry"],
    "prometheus": ["prometheus_client"],
    "testing": ["pytest", "trio"],
    "zstd": ["backports", "backports.zstd"],
    "schema": ["jsonschema"],
    "tokens": ["tokenizers"],
    "http": ["httpcore2", "httpx2"],
    "arrays": ["numpy"],
    "server": ["limits", "jwt", "starlette", "uvicorn", "websockets"],
    "client": ["httpx2"],
    "fastapi": ["fastapi"],
    "speed": ["uvloop"],
}
"""What the packages of each extra are imported as."""


def without(extras: list[str], code: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run code where the packages of some extras cannot be imported."""
    blocked = [module for extra in extras for module in MODULES[extra]]
    block = f"import sys\nsys.modules.update(dict.fromkeys({blocked}))\n"
    return subprocess.run(
        [sys.executable, "-c", block + code], cwd=folder, capture_output=True, text=True, check=False, timeout=240
    )
