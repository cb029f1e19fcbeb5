"""The pipelines that the tests of the browser run, with steps that the tests let go on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio

from headwater import step


class Gate:
    """What a step may read: the tests let it go on, item by item, whatever the speed of the machine."""

    def __init__(self) -> None:
        self.allowed = 0

    def allow(self, items: int) -> None:
        """Let items pass."""
        self.allowed += items

    async def wait(self, number: int) -> None:
        """Wait until an item may pass."""
        while number >= self.allowed:  # noqa: ASYNC110 - the tests are in another thread
            await anyio.sleep(0.01)  # as above


GATE = Gate()


@step("browser.gated")
async def gated(number: int) -> int:
    """Write a number when the gate is open for it."""
    await GATE.wait(number)
    return number


@step("browser.words")
async def words(prompt: str) -> AsyncIterator[str]:
    """Write the words of an answer when the gate is open for them."""
    for number, word in enumerate(f"You asked: {prompt} The answer is water.".split(" ")):
        await GATE.wait(number)
        yield f"{word} "


@step("browser.numbers")
async def numbers(*, count: int = 40, label: str = "", mode: str = "fast", dry: bool = False) -> AsyncIterator[int]:
    """Write numbers."""
    for number in range(count):
        yield number


@step("browser.enrich")
def enrich(number: int) -> int:
    """Fail at the number 12, with causes."""
    if number == 12:
        try:
            try:
                return {}[f"gauge-{number}"]
            except KeyError as error:
                raise ConnectionError("the gauge service has no such station") from error
        except ConnectionError as error:
            raise ValueError("number 12 cannot be enriched") from error
    return number


@step("browser.listed")
async def listed(*, items: list[int]) -> AsyncIterator[int]:
    """Write the numbers of a param."""
    for number in items:
        yield number


DOCUMENTS: dict[str, dict[str, Any]] = {
    "gated": {
        "name": "gated",
        "description": "Count numbers that pass a gate.",
        "parameters": {
            "count": {"type": "integer", "default": 40, "minimum": 1, "description": "How many numbers."},
            "label": {"type": "string", "default": "river", "description": "What they are called."},
            "mode": {"type": "string", "enum": ["fast", "thorough"], "default": "fast"},
            "dry": {"type": "boolean", "default": False},
        },
        "steps": [
            {
                "id": "numbers",
                "kind": "browser.numbers",
                "params": {name: f"${{parameters.{name}}}" for name in ("count", "label", "mode", "dry")},
            },
            {"id": "gate", "kind": "browser.gated"},
            {"id": "total", "kind": "stream.sum"},
            {"id": "count", "kind": "stream.count"},
        ],
        "edges": ["numbers -> gate", "gate -> total", "gate -> count"],
    },
    "failing": {
        "name": "failing",
        "description": "Fail in the middle.",
        "steps": [
            {"id": "numbers", "kind": "browser.numbers"},
            {"id": "enrich", "kind": "browser.enrich"},
            {"id": "count", "kind": "stream.count"},
        ],
    },
    "answer": {
        "name": "answer",
        "description": "Answer a prompt word by word.",
        "streaming": {"emit_items": "all"},
        "steps": [{"id": "words", "kind": "browser.words"}, {"id": "upper", "kind": "text.upper"}],
    },
    "listed": {
        "name": "listed",
        "description": "Add the numbers of a parameter.",
        "parameters": {"items": {"type": "array", "default": [1, 2], "description": "The numbers."}},
        "steps": [
            {"id": "listed", "kind": "browser.listed", "params": {"items": "${parameters.items}"}},
            {"id": "sum", "kind": "stream.sum"},
        ],
    },
    "sum": {"name": "sum", "description": "Add numbers.", "steps": [{"id": "sum", "kind": "stream.sum"}]},
    "thousand": {
        "name": "thousand",
        "description": "A thousand steps.",
        "steps": [
            {"id": "source", "kind": "browser.numbers"},
            *(
                {"id": f"s{row}-{place}", "kind": "stream.take", "params": {"n": 1000}}
                for row in range(50)
                for place in range(20)
            ),
        ],
        "edges": [
            f"{'source' if row == 0 else f's{row - 1}-{place}'} -> s{row}-{place}"
            for row in range(50)
            for place in range(20)
        ],
    },
    "broken": {"name": "broken", "steps": [{"id": "lines", "kind": "source.line", "params": {"path": "x"}}]},
}


def write_documents(folder: Path) -> Path:
    """Write the documents into a folder, for a server."""
    for name, document in DOCUMENTS.items():
        (folder / f"{name}.json").write_text(json.dumps(document, indent=2), "utf-8")
    return folder
