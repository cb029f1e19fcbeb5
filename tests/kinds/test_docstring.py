"""The sections of docstrings, and the descriptions of arguments in them."""

from __future__ import annotations

import inspect

import pytest

from headwater.kinds.docstring import argument_descriptions


@pytest.mark.parametrize(
    ("doc", "descriptions"),
    [
        ("", {}),
        ("Only a summary.", {}),
        ("Summary.\n\nArgs:\n    text: What to read.", {"text": "What to read."}),
        ("Summary.\n\nArgs:\n    text (str): What to read.", {"text": "What to read."}),
        (
            "Summary.\n\nArgs:\n    one: First\n        of two: parts.\n    two: Second.",
            {"one": "First of two: parts.", "two": "Second."},
        ),
        ("Summary.\n\nAttributes:\n    one: First.\n\nReturns:\n    two: not an argument.", {"one": "First."}),
        (
            "Summary.\n\nArgs:\n    one: First.\n\n    two: Second.\n\nMore text: here.",
            {"one": "First.", "two": "Second."},
        ),
        ("Args: are described elsewhere.\n\n    one: not an argument.", {}),
        ("Args:\n", {}),
    ],
)
def test_reads_the_descriptions(doc: str, descriptions: dict[str, str]) -> None:
    """Only what stands in a section of arguments is a description, in one line."""
    assert argument_descriptions(inspect.cleandoc(doc)) == descriptions
