"""Whatever a document or a file of events has in its names, the command prints only what can be printed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from headwater.events.data import PipelineComplete, PipelineStart, StepInfo, StepStart
from headwater.events.event import EventType, StreamEvent
from tests.cli.conftest import Done

Call = Callable[..., Done]
Write = Callable[[str, Any], str]

NAME = "\x1b[2JQ\x9b31mQ\u202eQ\rQ\x07Q\nQ\u2028Q"
"""What would clear a terminal, color it, turn the text around and begin another line."""
DOCUMENT: dict[str, Any] = {
    "name": "report",
    "version": "1",
    "description": "a report",
    "parameters": {"p": {"type": "string", "default": "q", "description": "a letter", "enum": ["q", "r"]}},
    "steps": [
        {"id": "a", "kind": "stream.filter", "params": {"where": {"field": "x", "eq": "v"}}, "description": "first"},
        {"id": "b", "kind": "stream.pick", "params": {"fields": ["k"]}},
    ],
    "edges": [{"from": "a", "to": "b", "when": {"field": "x", "in": ["z"]}, "buffer": 4}],
    "output": "b",
}
COMMANDS = [
    ("check",),
    ("plan",),
    ("plan", "--json"),
    ("plan", "--analyze"),
    ("graph",),
    ("graph", "--mermaid"),
    ("graph", "--dot"),
    ("graph", "--svg"),
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of each value of a document."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in entries:
        yield (*path, key)
        yield from paths(inner, (*path, key))


def changed(path: tuple[Any, ...], value: Any, *, is_key: bool = False) -> dict[str, Any]:
    """Return the document with another value, or another key, in one place."""
    document: dict[str, Any] = json.loads(json.dumps(DOCUMENT))
    inner: Any = document
    for part in path[:-1]:
        inner = inner[part]
    if is_key:
        inner[value] = inner.pop(path[-1])
    else:
        inner[path[-1]] = value
    return document


def documents() -> Iterator[Any]:
    """Yield the document with a hostile name in each place, as a value, as a key and within a template."""
    for path in paths(DOCUMENT):
        at = ".".join(map(str, path))
        yield pytest.param(changed(path, NAME), id=at)
        yield pytest.param(changed(path, f"${{parameters.{NAME}}}"), id=f"{at} template")
        if isinstance(path[-1], str):
            yield pytest.param(changed(path, NAME, is_key=True), id=f"{at} key")


def odd(text: str) -> list[str]:
    """Return the characters that a terminal would not just show, and lines that a name has begun."""
    lines = [line for line in text.split("\n") if line.startswith("Q")]
    return [char for char in text if not (char.isprintable() or char == "\n")] + lines


@pytest.mark.parametrize("document", list(documents()))
def test_terminal_is_safe_when_a_document_has_a_hostile_name(call: Call, write: Write, document: Any) -> None:
    """Every command that shows a document escapes or replaces what cannot be printed."""
    write("report.json", document)
    for command, *options in COMMANDS:
        done = call(command, "report.json", *options)
        shown = done.out + done.err
        assert odd(shown) == [], (command, options)
        assert "Traceback" not in shown
        if options == ["--json"] and done.out:
            assert json.loads(done.out)["name"] == document["name"]


def test_terminal_is_safe_when_a_file_has_a_hostile_name(call: Call, write: Write) -> None:
    """The place of a problem is printed like its message."""
    name = f"{NAME}.json"
    write(name, '{"name": "x", "steps": []}')
    for command in (("check", name), ("run", name), ("replay", name), ("replay", f"no{name}"), ("check", f"no{name}")):
        done = call(*command)
        assert done.code
        assert odd(done.out + done.err) == [], command


def test_terminal_is_safe_when_recorded_steps_have_hostile_names(call: Call, write: Write) -> None:
    """A replay shows whatever names a file has."""
    start = PipelineStart(NAME, (StepInfo(NAME, NAME), StepInfo("b", "text.upper")))
    facts = [(EventType.PIPELINE_START, None, start), (EventType.STEP_START, NAME, StepStart(NAME, NAME))]
    facts += [(EventType.PIPELINE_COMPLETE, None, PipelineComplete(1.0))]
    lines = [StreamEvent(seq, kind, NAME, step, 1, seq, data) for seq, (kind, step, data) in enumerate(facts, 1)]
    write("events.jsonl", "".join(f"{line.to_json().decode()}\n" for line in lines))
    done = call("replay", "events.jsonl", "--speed", "0")
    assert (done.code, odd(done.out + done.err)) == (0, [])
    assert "started" in done.out


def test_log_is_safe_when_a_step_writes_anything(call: Call, write: Write) -> None:
    """Messages of steps, their fields and exceptions, and what programs write to standard error, are escaped."""
    write(
        "loud.py",
        "from headwater import StepContext, step\n\n\n"
        '@step("loud.say")\n'
        "def say(text: str, ctx: StepContext) -> str:\n"
        "    ctx.log.warning(text, why=text, **{text: 1})\n"
        "    try:\n"
        "        raise ValueError(text)\n"
        "    except ValueError:\n"
        '        ctx.log.exception("failed: " + text)\n'
        "    return text\n",
    )
    argv = ["sh", "-c", r"printf '\033[2J\302\2331m\342\200\256\r\n' >&2; cat"]
    steps = [{"id": "say", "kind": "loud.say"}, {"id": "run", "kind": "process.run", "params": {"argv": argv}}]
    write("loud.json", {"name": "loud", "steps": steps})
    write("in.json", json.dumps(NAME))
    done = call("run", "loud.json", "--steps", "loud.py", "--allow", "process", "--input", "in.json", "--quiet")
    assert "ValueError" in done.err, done.err
    assert "standard error of a program" in done.err
    assert [char for char in done.err if not (char.isprintable() or char == "\n")] == []
    before, _, _ = done.err.partition("Traceback")
    assert odd(before) == [], "only a traceback has several lines"
