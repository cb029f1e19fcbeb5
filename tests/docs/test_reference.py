"""The reference leaves nothing out."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from headwater.config.conditions.operators import OPERATORS
from headwater.events.event import EventType
from tests.docs.problem_codes import codes

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOT_PROBLEMS = {"text", "input"}  # an error of pydantic that never leaves the engine; a place, not a code

if not DOCS.exists():
    pytest.skip("the built package is tested without the documents", allow_module_level=True)


PACKAGES = (
    *("headwater", "headwater.toolkit", "headwater.testing", "headwater_subscribers"),
    *("headwater_server", "headwater_client"),
)
MAKE_PAGES = """
import json, sys
sys.path.insert(0, sys.argv[1])
from headwater_reference import pages
print(json.dumps(pages()))
"""


@pytest.fixture(scope="module")
def pages() -> Mapping[str, str]:
    """The generated pages by their paths, made where no other test has registered kinds of its own."""
    command = [sys.executable, "-c", MAKE_PAGES, str(DOCS / "_ext")]
    made = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert made.returncode == 0, made.stderr
    markdown: Mapping[str, str] = json.loads(made.stdout)
    return markdown


def test_every_kind_has_a_section_when_it_ships(pages: Mapping[str, str]) -> None:
    """Each kind of our own entry points has a heading on the page of its family, with an example for a document."""
    for entry in entry_points(group="headwater.steps"):
        if entry.module.startswith("headwater_steps"):
            page = pages[f"kinds/{entry.name.partition('.')[0]}.md"]
            _, heading, section = page.partition(f"\n## `{entry.name}`\n")
            assert heading, entry.name
            assert f'"kind": "{entry.name}"' in section.partition("\n## ")[0]


def test_every_param_is_described_when_a_kind_ships(pages: Mapping[str, str]) -> None:
    """No param is left without a sentence that says what it does."""
    bare = {name: re.findall(r"^(`\w+` — .*)\n: -$", page, re.MULTILINE) for name, page in pages.items()}
    assert {name: found for name, found in bare.items() if found} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_documented_when_a_package_offers_it(package: str, pages: Mapping[str, str]) -> None:
    """Each name of `__all__` has a directive."""
    names = set(re.findall(rf"^\.\. auto\w+:: {package}\.(\w+)$", pages[f"api/{package}.md"], re.MULTILINE))
    assert names == set(import_module(package).__all__)


def test_every_subscriber_is_listed_when_it_is_installed_by_name(pages: Mapping[str, str]) -> None:
    """Each entry point of ours has a row with its name and its class."""
    for entry in entry_points(group="headwater.subscribers"):
        if entry.module.startswith("headwater_subscribers"):
            assert f"| `{entry.name}` | `{entry.attr}` | " in pages["api/headwater_subscribers.md"]


def test_every_event_and_operator_has_a_meaning(pages: Mapping[str, str]) -> None:
    """Each type of event has a section that begins with a sentence, and each operator a row."""
    for event in EventType:
        assert re.search(rf"^## `{event}`\n\n[A-Z].+\.$", pages["events.md"], re.MULTILINE), event
    for name in OPERATORS:
        assert f"\n| `{name}` | " in pages["conditions.md"]


def test_every_command_is_shown_with_its_help(pages: Mapping[str, str]) -> None:
    """Each command has a section with its usage, and the page on the command line says more about it."""
    names = set(re.findall(r"^## `headwater (\w+)`\n\n```text\nUsage: ", pages["commands.md"], re.MULTILINE))
    assert names >= {"run", "check", "plan", "graph", "schema", "steps", "replay", "new"}
    written = (DOCS / "reference/cli.md").read_text("utf-8")
    assert {name for name in names if f"\n## {name}\n" not in written} == set()


def test_every_problem_has_a_meaning_when_the_sources_can_report_it() -> None:
    """The codes of the page are those of the sources, neither more nor less."""
    reported = {code for folder in ("pipeline", "steps", "subscribers") for code in codes(ROOT / folder)} - NOT_PROBLEMS
    written = set(re.findall(r"^\| `([a-z-]+)` \|", (DOCS / "reference/problems.md").read_text("utf-8"), re.MULTILINE))
    named = {code: fnmatch.filter(written, code) for code in reported}
    assert [code for code, names in named.items() if not names] == []
    assert written - {name for names in named.values() for name in names} == set()
