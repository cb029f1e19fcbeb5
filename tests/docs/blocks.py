"""The code blocks of a Markdown document, and what they need to be run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"as `([\w.-]+)`[^\n`]*:\n\n\Z")


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Args:
        language: What stands after the fence.
        text: What stands inside.
        line: The line it begins at, from 1.
        file: The file that the text before tells the reader to save it as, or None.
    """

    language: str
    text: str
    line: int
    file: str | None


@dataclass(frozen=True)
class Command:
    """A command of a `console` block.

    Args:
        text: What stands after `$ `.
        output: The lines below, `...` standing for anything.
    """

    text: str
    output: str


def blocks(markdown: str) -> Iterator[Block]:
    """Yield the code blocks of a document, in order."""
    for match in _FENCE.finditer(markdown):
        named = _NAMED.search(markdown[: match.start()])
        line = markdown.count("\n", 0, match.start()) + 1
        yield Block(match[1], match[2], line, named[1] if named else None)


def commands(text: str) -> Iterator[Command]:
    """Yield the commands of a `console` block."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield Command(command, output)
