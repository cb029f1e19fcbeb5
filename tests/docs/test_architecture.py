"""The map of the code base is complete, and nothing on it is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "pipeline/headwater",
    "steps/headwater_steps",
    "subscribers/headwater_client",
    "subscribers/headwater_server",
    "subscribers/headwater_subscribers",
)
BASES = (ROOT, ROOT / "pipeline/headwater", ROOT / "pipeline", ROOT / "steps", ROOT / "subscribers")
ARCHITECTURE, CONTRIBUTING = ROOT / "docs/explanation/architecture.md", ROOT / "CONTRIBUTING.md"
PLACE = re.compile(r"`([\w./-]+(?:/|\.py))`")

if not ARCHITECTURE.exists():
    pytest.skip("the built package is tested without the documents", allow_module_level=True)


def places(page: Path) -> Iterator[tuple[str, Path | None]]:
    """Yield each file and folder that a page names, with its path; in a row of a table, files are in the first one."""
    for line in page.read_text("utf-8").splitlines():
        bases = BASES
        for name in PLACE.findall(line):
            found = next((base / name for base in bases if (base / name).exists()), None)
            yield name, found
            if found is not None and line.startswith(f"| `{name}`") and found.is_dir():
                bases = (found, *BASES)


def folders(package: str) -> Iterator[Path]:
    """Yield the folders with modules of a package."""
    return (file.parent for file in sorted((ROOT / package).rglob("*.py")) if file.name == "__init__.py")


@pytest.mark.parametrize("page", [ARCHITECTURE, CONTRIBUTING], ids=lambda page: page.stem)
def test_place_exists_when_the_map_names_it(page: Path) -> None:
    """Every module and folder that the map names exists."""
    assert [name for name, found in places(page) if found is None] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_folder_is_on_the_map_when_it_has_modules(package: str) -> None:
    """Every folder of the packages is named by the architecture."""
    named = {found for _, found in places(ARCHITECTURE)}
    assert [str(folder.relative_to(ROOT)) for folder in folders(package) if folder not in named] == []


def test_folder_of_tests_is_on_the_map() -> None:
    """Every folder of the tests is named in the guide for contributors."""
    named = {found for _, found in places(CONTRIBUTING)}
    tests = sorted(folder for folder in (ROOT / "tests").iterdir() if folder.is_dir() and any(folder.glob("*.*")))
    assert [folder.name for folder in tests if folder not in named] == []
