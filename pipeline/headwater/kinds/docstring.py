"""Reads the sections of docstrings in Google's style (https://google.github.io/styleguide/pyguide.html#383-functions-and-methods)."""

from __future__ import annotations

import inspect
import re

__all__ = ["argument_descriptions", "sections"]

_TITLES = {"Args", "Arguments", "Attributes", "Params", "Returns", "Yields", "Raises", "Example", "Examples"}

_SECTION = re.compile(r"^(?:Args|Arguments|Attributes|Params):[ ]*\n((?:(?:[ ]+.*)?\n)*)", re.MULTILINE)
_ARGUMENT = re.compile(r"^(\w+)(?: \([^)\n]*\))?:[ ]*(.*(?:\n[ ]+.*)*)", re.MULTILINE)


def argument_descriptions(doc: str) -> dict[str, str]:
    """Return the descriptions in the `Args` section of a docstring by name, each on one line."""
    sections = (inspect.cleandoc("\n" + match[1]) for match in _SECTION.finditer(doc + "\n"))
    return {match[1]: " ".join(match[2].split()) for section in sections for match in _ARGUMENT.finditer(section)}


def sections(doc: str) -> dict[str, str]:
    """Return the text of each section of a docstring by its title; what stands before the first has the title `""`."""
    found: dict[str, list[str]] = {"": []}
    title = ""
    for line in inspect.cleandoc(doc).splitlines():
        if line.removesuffix(":") in _TITLES and line.endswith(":"):
            title = line[:-1]
            found.setdefault(title, [])
        else:
            found[title].append(line)
    return {title: inspect.cleandoc("\n" + "\n".join(lines)).strip() for title, lines in found.items()}
