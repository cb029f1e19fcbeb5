"""Turn names in code marks into links: kinds, events, commands and public Python names."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

from headwater.events.event import EventType
from headwater_reference.api import PACKAGES, public_names
from headwater_reference.commands import commands
from headwater_reference.kinds import shipped_kinds
from headwater_reference.markdown import anchor


@cache
def targets() -> dict[str, tuple[str, str, str]]:
    """Return the targets of names in code marks: domain, type and name."""
    found = {kind: ("std", "ref", anchor(kind)) for kind in shipped_kinds()}
    found |= {str(name): ("std", "ref", f"event-{anchor(name)}") for name in EventType}
    found |= {f"headwater {name}": ("std", "ref", f"command-{name}") for name in commands()}
    for package in PACKAGES:
        found |= {name: ("py", "obj", f"{package}.{name}") for name in public_names(package)}
    return found


class NamesToLinks(SphinxPostTransform):
    """Adds the links, so that the Markdown files need none that are broken on a forge."""

    default_priority = 5  # before Sphinx resolves references, which is at 10
    skipped: ClassVar[tuple[type, ...]] = (nodes.reference, nodes.title, addnodes.pending_xref, addnodes.desc_signature)

    def run(self, **_: Any) -> None:
        """Replace every such name on a page."""
        for literal in list(self.document.findall(nodes.literal)):
            target = targets().get(literal.astext())
            if target is not None and not _inside(literal, self.skipped):
                literal.replace_self(self._link(literal, *target))

    def _link(self, literal: nodes.literal, domain: str, kind: str, name: str) -> nodes.Element:
        if domain == "std":
            page, label = self.env.domains.standard_domain.anonlabels[name]
            return make_refnode(self.app.builder, self.env.docname, page, label, literal.deepcopy())
        link = addnodes.pending_xref("", refdomain=domain, reftype=kind, reftarget=name, refdoc=self.env.docname)
        link += literal.deepcopy()
        return link


def _inside(node: nodes.Node, kinds: tuple[type, ...]) -> bool:
    above = node.parent
    while above is not None and not isinstance(above, kinds):
        above = above.parent
    return above is not None
