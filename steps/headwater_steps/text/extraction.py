"""The kinds `text.extract`, `extract_all` and `find`: records and matches of patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from headwater import Outputs, SidePort, Step, StepContext, To
from headwater.toolkit import NeededWhen, decimal_number, shorten, whole_number
from headwater_steps.text.patterns.ambiguity import Scope
from headwater_steps.text.patterns.linear import Pattern, SearchPattern, compile_linear, with_groups

__all__ = ["Extract", "ExtractAll", "Extracted", "Find"]

_SHOWN = 200

GroupType = Literal["text", "integer", "number"]
"""Type of the field of a group."""


_Conversions = tuple[tuple[str, Callable[[str], Any]], ...]
_CONVERSIONS: Mapping[str, Callable[[str], Any]] = {"integer": whole_number, "number": decimal_number}


class Extracted(Outputs):
    """The outputs of an extraction: a record, or on the side port the string that does not match."""

    records: dict[str, Any]
    unmatched: Annotated[SidePort[str], NeededWhen("on_unmatched", "reject")]


_no_ports: Any = Outputs()
_NOTHING: Extracted = _no_ports


class _Grouped(Step):
    """The params for the groups of a pattern that become fields."""

    scope: ClassVar[Scope] = "start"

    pattern: Pattern
    types: Annotated[dict[str, GroupType], Field(max_length=100)] | None = None
    only: Annotated[list[str], Field(min_length=1, max_length=100)] | None = None

    @field_validator("pattern")
    @classmethod
    def _has_groups(cls, pattern: str) -> str:
        if not compile_linear(pattern, cls.scope).groupindex:
            raise ValueError("a pattern without named groups; name what should be a field, as in (?P<path>[^ ]*)")
        return pattern

    @field_validator("types", "only")
    @classmethod
    def _are_groups(cls, names: Any, info: ValidationInfo) -> Any:
        if "pattern" in info.data:
            known = compile_linear(info.data["pattern"], cls.scope).groupindex
            unknown = [name for name in names or () if name not in known]
            if unknown:
                raise ValueError(f"the pattern has no group {unknown[0]!r}; its groups are {', '.join(known)}")
        return names

    @field_validator("only")
    @classmethod
    def _keeps_only_groups(cls, names: Any, info: ValidationInfo) -> Any:
        if "pattern" in info.data and names is not None:
            with_groups(info.data["pattern"], names)
        return names

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, with the groups that become fields."""
        return re.compile(self.pattern if self.only is None else with_groups(self.pattern, self.only))

    @cached_property
    def conversions(self) -> _Conversions:
        """The fields that are not strings, each with the function that converts it."""
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
            record[name] = convert(text)
    return record


class Extract(_Grouped, kind="text.extract"):
    r"""Make a record of each string, by a pattern with named groups.

    The pattern is a regular expression in the syntax of Python's `re`, https://docs.python.org/3/library/re.html, that
    reads any string in linear time: no flags, no references to groups, no look-around at more than one character, and
    only one way to read a string. If a repetition could go on into what follows it, exclude that (`[^"]*"` rather than
    `.*"`), or make it possessive (` ++`). A pattern that can be read in two ways is refused when the document is
    loaded, with an example.

    Args:
        pattern: A pattern of the string, with a named group for each field, such as `(?P<path>\S+)`.
        types: Fields that are not strings: `integer` or `number` by name. A string that cannot be converted does not
            match.
        only: Which groups become fields; all by default. Fewer are faster.
        find: Where the pattern has to match: at the `start` of a string, the `whole` of it, or at the first place
            `anywhere`.
        on_unmatched: What happens to a string that does not match: `fail` is an error, `skip` leaves it out, `reject`
            sends it to the port `unmatched`; both count as compensations. By default `reject` if that port is
            connected, otherwise `fail`.

    Returns:
        An object with a field for each group; null for a group that took no part.

    Raises:
        ValueError: A string does not match, and `on_unmatched` is `fail`.

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
        """The functions that find the pattern and convert its fields: all that `run` needs, in one lookup."""
        compiled = self.compiled
        find = {"start": compiled.match, "whole": compiled.fullmatch, "anywhere": compiled.search}[self.find]
        return find, self.conversions

    def run(self, text: str, ctx: StepContext) -> Extracted:
        """Return the record of a string, or what happens to one that does not match."""
        find, conversions = self.parts
        match = find(text)
        if match is None:
            return self._refused(text, "the pattern does not match", ctx)
        fields: Any = match.groupdict()
        try:
            for name, convert in conversions:  # like `_convert`, whose call would cost as much as a conversion
                found = fields[name]
                if found is not None:
                    fields[name] = convert(found)
        except ValueError as error:
            return self._refused(text, str(error), ctx)
        record: Extracted = fields
        return record

    def _refused(self, text: str, reason: str, ctx: StepContext) -> Extracted:
        shown = repr(shorten(text, _SHOWN))
        policy = self.on_unmatched or ("reject" if "unmatched" in ctx.connected else "fail")
        if policy == "fail":
            raise ValueError(f"{reason}: {shown}; correct the pattern, or set on_unmatched to skip or reject")
        ctx.progress(message=f"{reason}: {shown}", compensations=1)
        if policy == "skip":
            return _NOTHING
        rejected: Extracted = To("unmatched", text)
        return rejected


class ExtractAll(_Grouped, kind="text.extract_all"):
    r"""Make a record of each match of a pattern with named groups.

    Args:
        pattern: The pattern, with a named group for each field. It is searched anywhere, so it has to begin with what
            it does not contain, such as `\b`, `(?<!\S)` or a quote; see `text.extract`.
        types: Fields that are not strings: `integer` or `number` by name.
        only: Which groups become fields; all by default.

    Yields:
        An object for each match, from left to right; they do not overlap.

    Raises:
        ValueError: A group is not of its type.

    Example:
        >>> settings = ExtractAll(pattern=r"\b(?P<name>\w+)=(?P<value>\S*)")
        >>> list(settings.run("path=/tmp size=3"))
        [{'name': 'path', 'value': '/tmp'}, {'name': 'size', 'value': '3'}]
    """

    scope: ClassVar[Scope] = "anywhere"

    pattern: SearchPattern

    def run(self, text: str) -> Iterator[dict[str, Any]]:
        """Yield the records of a string."""
        conversions = self.conversions
        for match in self.compiled.finditer(text):
            yield _convert(match.groupdict(), conversions)


class Find(Step, kind="text.find"):
    r"""Find all matches of a pattern.

    Args:
        pattern: The pattern. It is searched anywhere, so it has to begin with what it does not contain, such as `\b`,
            `(?<!\S)` or a quote, unless it matches whatever it has begun; see `text.extract`.

    Yields:
        Each match, from left to right; they do not overlap. For a pattern with a group, what the group has matched; a
        match without the group is left out.

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

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, ready to be found."""
        return compile_linear(self.pattern, "anywhere")

    def run(self, text: str) -> Iterator[str]:
        """Yield the matches in a string."""
        compiled = self.compiled
        group = compiled.groups
        for match in compiled.finditer(text):
            found = match[group]
            if found is not None:
                yield found
