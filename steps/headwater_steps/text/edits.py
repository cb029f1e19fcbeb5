"""The kinds `text.strip`, `text.replace` and `text.join`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from headwater import Step, Stream, step
from headwater_steps.text.patterns.linear import SearchPattern, compile_linear

__all__ = ["Replace", "Strip", "join"]


class Strip(Step, kind="text.strip"):
    """Remove spaces, or other characters, from the ends of a string.

    Args:
        chars: The characters to remove, in any order; spaces and line ends by default.
        side: Where to remove them: at `both` ends, at the `start` or at the `end`.

    Returns:
        The string without them.

    Example:
        >>> Strip().run("  salt "), Strip(chars=".,", side="end").run("...and so on...")
        ('salt', '...and so on')
    """

    chars: Annotated[str, Field(min_length=1, max_length=1_000)] | None = None
    side: Literal["both", "start", "end"] = "both"

    @cached_property
    def call(self) -> Callable[[str, str | None], str]:
        """The function that removes the characters."""
        return {"both": str.strip, "start": str.lstrip, "end": str.rstrip}[self.side]

    def run(self, text: str) -> str:
        """Return a string without the characters at its ends."""
        return self.call(text, self.chars)


class Replace(Step, kind="text.replace"):
    r"""Replace every occurrence of a part of a string.

    Args:
        old: The part to replace, literally. Give either this or `pattern`.
        pattern: A pattern of the parts to replace. It is searched anywhere, so it has to begin with what it does not
            contain, such as `\b`, `(?<!\S)` or a quote, unless it matches whatever it has begun; see `text.extract`.
        new: The replacement. With a `pattern`, `\1` and `\g<name>` stand for what a group has found, and `\\` for a
            backslash.
        most: Most replacements in a string; all by default.

    Returns:
        The string with the replacements.

    Example:
        >>> Replace(old=";", new=",").run("1;2;3")
        '1,2,3'
        >>> Replace(pattern=r"\b(\d+)-(\d+)", new=r"\2 to \1", most=1).run("3-1 4-2")
        '1 to 3 4-2'
    """

    old: Annotated[str, Field(min_length=1)] | None = None
    pattern: SearchPattern | None = None
    new: str
    most: Annotated[int, Field(ge=1)] | None = None

    @field_validator("new")
    @classmethod
    def _is_template(cls, new: str, info: ValidationInfo) -> str:
        pattern = info.data.get("pattern")
        if pattern is not None:
            try:
                compile_linear(pattern, "anywhere").sub(new, "")
            except (re.error, IndexError) as error:
                raise ValueError(
                    f"{error}; write \\1 or \\g<name> for a group of the pattern, \\\\ for a backslash"
                ) from None
        return new

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.old is None) is (self.pattern is None):
            raise ValueError("expected either old or pattern: what to replace")
        return self

    @cached_property
    def call(self) -> Callable[[str], str]:
        """The function that replaces the parts."""
        old, new, most = self.old, self.new, self.most
        if self.pattern is not None:
            sub = compile_linear(self.pattern, "anywhere").sub
            return lambda text: sub(new, text, count=most or 0)
        return lambda text: text.replace(old or "", new, most or -1)

    def run(self, text: str) -> str:
        """Return a string with the replacements."""
        return self.call(text)


@step("text.join")
async def join(
    texts: Stream[str],
    *,
    separator: str = "",
    prefix: str = "",
    suffix: str = "",
    max_chars: Annotated[int, Field(ge=0)] = 100_000_000,
) -> str:
    r"""Join the strings of a stream into one.

    Of a stream that is declared as snapshots, it gives the last one, which replaces those before.

    Args:
        texts: The strings.
        separator: What comes between two of them, such as `\n`.
        prefix: What comes before the first, also when there is none.
        suffix: What comes after the last, also when there is none.
        max_chars: Most characters of the result, which is kept in memory; more are an error.

    Returns:
        The joined string.

    Raises:
        ValueError: There are more characters than `max_chars`.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> listed = join.with_params(separator=", ", prefix="[", suffix="]")
        >>> run_sync(Pipeline("listed", steps={"join": listed}), iter(["salt", "water"])).output
        '[salt, water]'
    """
    parts: list[str] = []
    chars = len(prefix) + len(suffix) - len(separator)
    async for batch in texts.batches():
        if texts.mode == "snapshot":
            parts, chars, batch = [], len(prefix) + len(suffix) - len(separator), batch[-1:]  # noqa: PLW2901
        parts += batch
        chars += sum(map(len, batch)) + len(separator) * len(batch)
        if chars > max_chars:
            raise ValueError(f"more than {max_chars} characters; raise max_chars, or write the strings to a file")
    return f"{prefix}{separator.join(parts)}{suffix}"
