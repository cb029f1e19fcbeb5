"""What a docstring says of each argument."""

from __future__ import annotations

import inspect
import re

__all__ = ["argument_descriptions", "sections"]

_TITLES = {"Args", "Arguments", "Attributes", "Params", "Returns", "Yields", "Raises", "Example", "Examples"}

_SECTION = re.compile(r"^(?:Args|Arguments|Attributes|Params):[ ]*\n((?:(?:[ ]+.*)?\n)*)", re.MULTILINE)
_ARGUMENT = re.compile(r"^(\w+)(?: \([^)\n]*\))?:[ ]*(.*(?:\n[ ]+.*)*)", re.MULTILINE)


def argument_descriptions(doc: str) -> dict[str, str]:
    r"""Read the `Args` section of a docstring.

    Args:
        doc: A docstring in Google's style (https://google.github.io/styleguide/pyguide.html#383-functions-and-methods),
            without the indentation of the code.

    Returns:
        Descriptions by the name of the argument, each in one line.

    Example:
        >>> argument_descriptions("Upper-case a text.\n\nArgs:\n    locale: Language of\n        the text.")
        {'locale': 'Language of the text.'}
    """
    sections = (inspect.cleandoc("\n" + match[1]) for match in _SECTION.finditer(doc + "\n"))
    return {match[1]: " ".join(match[2].split()) for section in sections for match in _ARGUMENT.finditer(section)}


def sections(doc: str) -> dict[str, str]:
    r"""Return the sections of a docstring.

    Args:
        doc: A docstring in Google's style, without the indentation of the code.

    Returns:
        The text of each section by its title, such as `Args` or `Example`; what stands before the first has the title
        `""`.

    Example:
        >>> sections("Upper-case a text.\n\nReturns:\n    The text in capitals.")
        {'': 'Upper-case a text.', 'Returns': 'The text in capitals.'}
    """
    found: dict[str, list[str]] = {"": []}
    title = ""
    for line in inspect.cleandoc(doc).splitlines():
        if line.removesuffix(":") in _TITLES and line.endswith(":"):
            title = line[:-1]
            found.setdefault(title, [])
        else:
            found[title].append(line)
    return {title: inspect.cleandoc("\n" + "\n".join(lines)).strip() for title, lines in found.items()}
