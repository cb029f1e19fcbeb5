"""Write the reference pages from what is installed: kinds, subscribers, events, the document, the commands, the API.

A Sphinx extension. The pages are made before each build, under `reference/generated`, and are not kept.
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
    *("api/headwater", "api/headwater_subscribers", "api/headwater.testing"),
)
"""Pages that the front page cannot link to, as they are not there on a forge; they stand first in their part."""
LINK = re.compile(r"\]\(([\w/.-]+)\.md\)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Ask Sphinx to have the pages written before it reads."""
    from headwater_reference.links import NamesToLinks  # the pages can be made where there is no Sphinx

    app.connect("builder-inited", lambda app: write_pages(Path(app.srcdir) / FOLDER))
    app.connect("autodoc-process-docstring", keep_sentences, priority=400)  # before napoleon, which has 500
    app.connect("autodoc-process-signature", shorten_defaults)
    app.connect("source-read", _add_contents)
    app.add_post_transform(NamesToLinks)
    return {"parallel_read_safe": True}


def _add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Add the table of contents, which would only be in the way of those who read the Markdown itself.

    The front page has it all: each of its parts stands in the margin, with the pages that it links to in that order.
    A page that it leaves out is a warning.
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
    """Write the pages that have changed, so that a second build is quick, and remove those that are gone."""
    made = {folder / name: text for name, text in pages().items()}
    for file in folder.rglob("*.md"):
        if file not in made:
            file.unlink()
    for file, text in made.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_text("utf-8") != text:
            file.write_text(text, "utf-8")
