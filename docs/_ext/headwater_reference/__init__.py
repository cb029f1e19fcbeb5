"""Write the reference pages from what is installed: kinds, subscribers, events, the document, the commands, the API.

A Sphinx extension. The pages are made before each build, under `reference/generated`, and are not kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from headwater_reference.api import api_pages, keep_sentences, shorten_defaults
from headwater_reference.commands import commands_page
from headwater_reference.data import conditions_page, document_page, events_page
from headwater_reference.kinds import kind_pages

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FOLDER = Path("reference/generated")
CONTENTS = {
    "Tutorial": "tutorial/first-pipeline\ntutorial/first-step\ntutorial/first-subscriber\ntutorial/first-test",
    "How to": "how-to/*",
    "Reference": "reference/generated/kinds/index\nreference/generated/document\nreference/generated/conditions\n"
    "reference/problems\nreference/cli\nreference/generated/commands\nreference/generated/events\n"
    "reference/generated/api/headwater_subscribers\nreference/*\nreference/generated/api/*\nglossary",
    "Explanation": "explanation/*\nexplanation/decisions/README",
}
"""What stands in the margin of every page: caption -> pages."""
NESTED = {"explanation/decisions/README": "0*"}


def setup(app: Sphinx) -> dict[str, Any]:
    """Ask Sphinx to have the pages written before it reads."""
    from headwater_reference.links import NamesToLinks  # the pages can be made where there is no Sphinx

    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / FOLDER))
    app.connect("autodoc-process-docstring", keep_sentences, priority=400)  # before napoleon, which has 500
    app.connect("autodoc-process-signature", shorten_defaults)
    app.connect("source-read", _add_contents)
    app.add_post_transform(NamesToLinks)
    return {"parallel_read_safe": True}


def _add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Add the table of contents, which would only be in the way of those who read the Markdown itself."""
    if page == "index":
        for caption, entries in CONTENTS.items():
            known = "\n".join(entry for entry in entries.splitlines() if "*" in entry or entry in app.env.found_docs)
            source[0] += f"\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n{known}\n```\n"
    elif page in NESTED:
        source[0] += f"\n```{{toctree}}\n:hidden:\n:glob:\n\n{NESTED[page]}\n```\n"


def pages() -> dict[str, str]:
    """Return every generated page by its path."""
    return {
        **kind_pages(),
        **api_pages(),
        "events.md": events_page(),
        "document.md": document_page(),
        "conditions.md": conditions_page(),
        "commands.md": commands_page(),
    }


def write_pages(folder: Path) -> None:
    """Write the pages that have changed, so that a second build is quick, and remove those that are gone."""
    made = {folder / name: text for name, text in pages().items()}
    for file in folder.rglob("*.md"):
        if file not in made:
            file.unlink()
    for file, text in made.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
