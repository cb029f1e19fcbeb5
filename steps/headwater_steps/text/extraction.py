"""Steps that take parts out of texts by patterns: one record, all records, all finds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from headwater import Outputs, SidePort, Step, StepContext, To
from headwater.toolkit import shorten
from headwater_steps.text.patterns.ambiguity import Scope
from headwater_steps.text.patterns.linear import Pattern, SearchPattern, compile_linear, with_groups

__all__ = ["Extract", "ExtractAll", "Extracted", "Find"]

_SHOWN = 200

GroupType = Literal["text", "integer", "number"]
"""What the text of a group becomes."""


_NOT_FINITE = "{!r} is not a finite number"

_Conversions = tuple[tuple[str, Callable[[str], Any]], ...]
_CONVERSIONS: Mapping[str, Callable[[str], Any]] = {"integer": int, "number": float}


class Extracted(Outputs):
    """What becomes of a text: a record on the main port, or the text itself on the side."""

    records: dict[str, Any]
    unmatched: SidePort[str]


_no_ports: Any = Outputs()
_NOTHING: Extracted = _no_ports


class _Grouped(Step):
    """The params that say which groups of a pattern become which fields."""

    scope: ClassVar[Scope] = "start"

    pattern: Pattern
    types: Annotated[dict[str, GroupType], Field(max_length=100)] | None = None
    only: Annotated[list[str], Field(min_length=1, max_length=100)] | None = None

    @field_validator("pattern")
    @classmethod
    def _has_groups(cls, pattern: str) -> str:
        if not compile_linear(pattern, cls.scope).groupindex:
            raise ValueError("a pattern without named groups; name what is to be a field, as in (?P<path>[^ ]*)")
        return pattern

    @field_validator("types", "only")
    @classmethod
    def _are_groups(cls, names: Any, info: ValidationInfo) -> Any:
        if "pattern" in info.data:
            known = compile_linear(info.data["pattern"], cls.scope).groupindex
            unknown = [name for name in names or () if name not in known]
            if unknown:
                raise ValueError(f"the pattern has no group {unknown[0]!r}; its groups are {', '.join(known)}")
            if info.field_name == "only" and names is not None:
                with_groups(info.data["pattern"], names)
        return names

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, with the groups that become fields."""
        return re.compile(self.pattern if self.only is None else with_groups(self.pattern, self.only))

    @cached_property
    def conversions(self) -> _Conversions:
        """The fields that are no texts, each with what makes it what it is."""
        wanted = {name: _CONVERSIONS.get(type_) for name, type_ in (self.types or {}).items()}
        return tuple(
            (name, convert)
            for name, convert in wanted.items()
            if convert is not None and (self.only is None or name in self.only)
        )


def _convert(record: dict[str, Any], conversions: _Conversions) -> dict[str, Any]:
    for name, convert in conversions:
        text = record[name]
        if text is not None:
            record[name] = number = convert(text)
            if number - number:  # of infinity and NaN, which JSON does not know, it is NaN
                raise ValueError(_NOT_FINITE.format(text))
    return record


class Extract(_Grouped, kind="text.extract"):
    r"""Make a record of each text, by a pattern with named groups.

    The pattern is a regular expression in the syntax of Python's `re`, https://docs.python.org/3/library/re.html, of
    those that read every text in linear time: no flags, no references to groups, no looks at more than one character,
    and only one way to read a text. Where a repetition could go on into what follows it, say what it does not take
    (`[^"]*"` rather than `.*"`), or make it possessive (` ++`). What can be read in two ways is refused when the
    document is loaded, with a text for which that is so.

    Args:
        pattern: What the texts look like, with a named group for each field, such as `(?P<path>\S+)`.
        types: Which fields are no texts: `integer` or `number` by name. A text that is none does not match.
        only: Which groups become fields; all by default. Fewer are faster.
        find: Where the pattern is to match: at the `start` of a text, the `whole` of it, or at the first place
            `anywhere`.
        on_unmatched: What happens to a text that does not match: `fail` is an error, `skip` leaves it out, `reject`
            gives it to the port `unmatched`; both are counted as compensations. By default `reject` where that port
            leads somewhere, and `fail` elsewhere.

    Returns:
        An object with a field for each group; null for a group that took no part.

    Raises:
        ValueError: A text does not match, and is neither to be skipped nor rejected.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> pattern = r'(?P<client>\S+) \S+ \S+ \[[^\]]*\] "(?P<request>[^"]*)" (?P<status>\d+) (?:(?P<size>\d+)|-)'
        >>> extract = Extract(pattern=pattern, types={"status": "integer", "size": "integer"})
        >>> line = '10.0.0.1 - - [21/Nov/2026:09:00:00 +0000] "GET / HTTP/1.1" 304 -'
        >>> run_sync(Pipeline("line", steps={"extract": extract}), line).output
        {'client': '10.0.0.1', 'request': 'GET / HTTP/1.1', 'status': 304, 'size': None}
    """

    find: Scope = "start"
    on_unmatched: Literal["fail", "skip", "reject"] | None = None

    @field_validator("find")
    @classmethod
    def _is_linear(cls, find: Scope, info: ValidationInfo) -> Scope:
        if "pattern" in info.data:
            compile_linear(info.data["pattern"], find)
        return find

    @cached_property
    def parts(self) -> tuple[Callable[[str], re.Match[str] | None], _Conversions]:
        """What finds the pattern and converts its fields: all that `run` needs, looked up at once."""
        compiled = self.compiled
        find = {"start": compiled.match, "whole": compiled.fullmatch, "anywhere": compiled.search}[self.find]
        return find, self.conversions

    def run(self, text: str, ctx: StepContext) -> Extracted:
        """Return the record of a text."""
        find, conversions = self.parts
        match = find(text)
        if match is None:
            return self._refused(text, "the pattern does not match", ctx)
        fields: Any = match.groupdict()
        try:
            for name, convert in conversions:  # as `_convert`, whose call would cost as much as a conversion
                found = fields[name]
                if found is not None:
                    fields[name] = number = convert(found)
                    if number - number:
                        raise ValueError(_NOT_FINITE.format(found))
        except ValueError as error:
            return self._refused(text, str(error), ctx)
        record: Extracted = fields
        return record

    def _refused(self, text: str, reason: str, ctx: StepContext) -> Extracted:
        shown = repr(shorten(text, _SHOWN))
        policy = self.on_unmatched or ("reject" if "unmatched" in ctx.connected else "fail")
        if policy == "fail":
            raise ValueError(f"{reason}: {shown}; mend the pattern, or set on_unmatched to skip or reject")
        ctx.progress(message=f"{reason}: {shown}", compensations=1)
        if policy == "skip":
            return _NOTHING
        rejected: Extracted = To("unmatched", text)
        return rejected


class ExtractAll(_Grouped, kind="text.extract_all"):
    r"""Make a record of each place of a text where a pattern with named groups is found.

    Args:
        pattern: What is looked for, with a named group for each field. As it is looked for anywhere, it has to begin
            with what it does not contain, such as `\b`, `(?<!\S)` or a quote; `text.extract` says more.
        types: Which fields are no texts: `integer` or `number` by name.
        only: Which groups become fields; all by default.

    Yields:
        An object for each find, from left to right; they do not overlap.

    Raises:
        ValueError: The text of a group is not of its type.

    Example:
        >>> settings = ExtractAll(pattern=r"\b(?P<name>\w+)=(?P<value>\S*)")
        >>> list(settings.run("path=/tmp size=3"))
        [{'name': 'path', 'value': '/tmp'}, {'name': 'size', 'value': '3'}]
    """

    scope: ClassVar[Scope] = "anywhere"

    pattern: SearchPattern

    def run(self, text: str) -> Iterator[dict[str, Any]]:
        """Yield the records of a text."""
        conversions = self.conversions
        for match in self.compiled.finditer(text):
            yield _convert(match.groupdict(), conversions)


class Find(Step, kind="text.find"):
    r"""Find all places of a text that a pattern matches.

    Args:
        pattern: What is looked for. As it is looked for anywhere, it has to begin with what it does not contain, such
            as `\b`, `(?<!\S)` or a quote, unless it matches whatever it has begun; `text.extract` says more.

    Yields:
        The text of each find, from left to right; they do not overlap. Of a pattern with a group it is the text of the
        group, without the finds in which it takes no part.

    Example:
        >>> list(Find(pattern=r"#\w+").run("a #small #story"))
        ['#small', '#story']
        >>> list(Find(pattern=r"#(\w+)").run("a #small #story"))
        ['small', 'story']
    """

    pattern: SearchPattern

    @field_validator("pattern")
    @classmethod
    def _has_one_group(cls, pattern: str) -> str:
        groups = compile_linear(pattern, "anywhere").groups
        if groups > 1:
            raise ValueError(f"a pattern with {groups} groups; keep one, and write the others (?:...)")
        return pattern

    def run(self, text: str) -> Iterator[str]:
        """Yield the finds in a text."""
        compiled = compile_linear(self.pattern, "anywhere")
        group = compiled.groups
        for match in compiled.finditer(text):
            found = match[group]
            if found is not None:
                yield found
