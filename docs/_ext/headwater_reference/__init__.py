"""Generate the reference pages: kinds, subscribers, events, the document, the commands and the API.

A Sphinx extension. The pages are generated before each build, under `reference/generated`, and are not committed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headwater_reference.api import api_pages, keep_sentences, shorten_defaults
from headwater_reference.commands import commands_page
from headwater_reference.data import conditions_page, document_page, events_page
from headwater_reference.kinds import kind_pages

if TYPE_CHECKING:
    from sphinx.application import Sphinx

FOLDER = Path("reference/generated")
GENERATED = (
    *("kinds/index", "document", "conditions", "events", "commands"),
    *("api/headwater", "api/headwater.toolkit", "api/headwater.testing"),
    *("api/headwater_subscribers", "api/headwater_server", "api/headwater_client"),
)
"""Pages that the front page cannot link to, because a forge does not have them; they come first in their part."""
LINK = re.compile(r"\]\(([\w/.-]+)\.md\)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension to Sphinx."""
    from headwater_reference.links import NamesToLinks  # the pages can be generated without Sphinx

    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / FOLDER))
    app.connect("autodoc-process-docstring", keep_sentences, priority=400)  # before napoleon, which has 500
    app.connect("autodoc-process-signature", shorten_defaults)
    app.connect("source-read", _add_contents)
    app.add_post_transform(NamesToLinks)
    return {"parallel_read_safe": True}


def _add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Add the table of contents, which would only clutter the Markdown files.

    The front page determines it: each of its parts appears in the sidebar, with the pages that it links to.
    A page without a link causes a warning.
    """
    if page == "index":
        source[0] += "".join(_contents(*part.partition("\n")[::2]) for part in source[0].split("\n## ")[1:])
    elif page == "explanation/decisions/README":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n0*\n```\n"


def _contents(caption: str, text: str) -> str:
    entries = list(dict.fromkeys(LINK.findall(text)))
    if caption == "Reference":
        entries = [*(f"{FOLDER.as_posix()}/{name}" for name in GENERATED), *entries]
    return f"\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n" + "\n".join(entries) + "\n```\n"


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
    """Write the pages that have changed, so that a second build is fast, and remove stale ones."""
    made = {folder / name: text for name, text in pages().items()}
    for file in folder.rglob("*.md"):
        if file not in made:
            file.unlink()
    for file, text in made.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
