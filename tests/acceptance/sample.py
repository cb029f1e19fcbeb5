"""What a sample of a kind is: params, what goes in, what comes out, and what is refused.

Texts in params and data may say `${parameters.files}` for a folder of files to read, `${parameters.out}` for an empty
one to write to, `${parameters.url}` for a server, and `${parameters.remote}` for one of Headwater.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

__all__ = [
    "FILES",
    "KEPT",
    "LONG_ITEMS",
    "NO_DATA",
    "OUT",
    "REMOTE",
    "URL",
    "Sample",
    "flat",
    "make_files",
    "mapped",
    "record",
    "shaping",
    "text",
]

KEPT: Final = ("first", "last")
"""Header and footer of a step that is mapped: those of the stream before it."""

NO_DATA: Final = object()
"""Stands for the data of a step that has no input, or none of this form."""

LONG_ITEMS: Final = 2_000
"""Items of a stream that is as good as endless, because nobody keeps so many."""

FILES: Final = "${parameters.files}"
OUT: Final = "${parameters.out}"
URL: Final = "${parameters.url}"
REMOTE: Final = "${parameters.remote}"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One kind, and what it does.

    Attributes:
        params: Its params.
        one: A value for it, and what comes of it.
        many: Items for it, and what comes of them.
        empty: What comes of no items.
        endless: Makes items without an end. For a kind that takes no items: what makes it go on for long, which is
            params or, for a kind that takes a value, that value.
        frames: Header and footer of what it writes, where there were some before it.
        bad_params: Params that are wrong, the end of their JSON path, and a part of the message.
        bad_data: Data that it cannot use, and a part of the message; params that are wrong only when it runs.
        compensated: Params and items, and how many of them it has to skip, put aside or replace.
        lasting: Params with which it does not end by itself.
        waits: Whether it writes nothing before the end of its input.
        ports: The outputs to read.
        table: Whether it gets a table at its second input.
        look: Takes from an output what is compared.
    """

    params: dict[str, Any] = field(default_factory=dict)
    one: tuple[Any, Any] = (NO_DATA, None)
    many: tuple[Any, Any] = (NO_DATA, None)
    empty: Any = field(default_factory=list)
    endless: Callable[[int], Any] | dict[str, Any] | str
    frames: tuple[Any, Any] = (None, None)
    bad_params: tuple[dict[str, Any], str, str]
    bad_data: tuple[Any, str] | None = None
    compensated: tuple[dict[str, Any], Any, int] | None = None
    lasting: dict[str, Any] = field(default_factory=dict)
    waits: bool = False
    ports: tuple[str, ...] = ("it",)
    table: bool = False
    look: Callable[[Any], Any] = lambda output: output


def make_files(folder: Path) -> None:
    """Make the files that the samples read.

    Args:
        folder: Where.
    """
    lines = {
        "lines.txt": "a rose\nis a rose\n",
        "bad.txt": b"a\n\xff\nb\n\xff\n",
        "scores.jsonl": '{"score": 3}\n{"score": 5}\n',
        "bad.jsonl": '1\n{"score": }\n3\n',
        "prices.csv": "name,price\nsalt,1.5\nwater,\n",
        "bad.csv": "name,price\nsalt\nwater,2\nwater,2,3\n",
        "table.jsonl": '{"code": "I", "river": "Ilm"}\n{"code": "S", "river": "Saale"}\n',
        "many.txt": "".join(f"line {number}\n" for number in range(100_000)),
        "many.csv": "n\n" + "".join(f"{number}\n" for number in range(100_000)),
    }
    for name, content in lines.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    (folder / "many.jsonl").write_text("".join(f"{number}\n" for number in range(100_000)))
    (folder / "two").mkdir()
    (folder / "two" / "a.txt").write_text("a")
    (folder / "two" / "b.txt").write_text("bb")
    (folder / "many").mkdir()
    for number in range(LONG_ITEMS):
        (folder / "many" / str(number)).touch()
    _make_tokenizer(folder / "tokenizer.json")


def _make_tokenizer(path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer: Any = Tokenizer(models.WordLevel({"salt": 0, "?": 1}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(path))


def text(number: int) -> str:
    """Return a sentence."""
    return f"Salt and water number {number}.\n"


def record(number: int) -> dict[str, Any]:
    """Return an object."""
    return {"id": number, "name": f"name {number}"}


def mapped(params: dict[str, Any], given: Any, made: Any, **others: Any) -> Sample:
    """Return the sample of a step of single values that gives a value for each."""
    many = [given, given], [made, made]
    return Sample(**{"params": params, "one": (given, made), "many": many, "frames": KEPT} | others)


def flat(params: dict[str, Any], given: Any, made: list[Any], **others: Any) -> Sample:
    """Return the sample of a step of single values that gives a stream for each."""
    many = [given, given], [*made, *made]
    return Sample(**{"params": params, "one": (given, made), "many": many, "frames": KEPT} | others)


def shaping(params: dict[str, Any], items: list[Any], made: Any, one: Any, **others: Any) -> Sample:
    """Return the sample of a step of whole streams, whose first item alone gives `one`."""
    return Sample(**{"params": params, "one": (items[0], one), "many": (items, made), "endless": int} | others)
