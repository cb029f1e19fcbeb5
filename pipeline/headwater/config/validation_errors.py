"""Turns the errors of pydantic into problems: the JSON Schema of what was checked gives what was expected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from pydantic import SecretStr, ValidationError

from headwater.config.notation.schema_words import Schema, alternatives_at, expected, in_words
from headwater.config.problems import PROBLEMS_LIMIT, Fault, JsonPath, Place, Problems, quote
from headwater.ids import NAME_WORDS
from headwater.shapes import has_part, is_object

__all__ = ["Subject", "add_faults"]

_Error: TypeAlias = Mapping[str, Any]

_MISSING = {"missing", "missing_argument", "missing_keyword_only_argument"}
_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}
_KEY_MARK = "[key]"
_MOST_MISNAMED = 4
_VARIABLE_TYPES = ("integer", "number", "boolean", "array", "object")


@dataclass(frozen=True, slots=True)
class Subject:
    """What was checked: the data after its templates were filled in, and the schema, made only when it is needed.

    `path` is its place in the document, `noun` what its keys are, and `owner` whose keys they are; by default the
    titles in the schema.
    """

    value: object
    schema: Callable[[], Schema]
    path: JsonPath = ()
    noun: str = "key"
    owner: str = ""


def add_faults(error: ValidationError, subject: Subject, problems: Problems) -> list[JsonPath]:
    """Report what pydantic refused, and return the refused places, as paths from the top of `subject.value`."""
    grouped: dict[Place, list[_Error]] = {}
    for line in error.errors(include_url=False, include_input=False)[: PROBLEMS_LIMIT + 1]:
        grouped.setdefault(_place(subject.value, line), []).append(line)
    outer = {place.path[:size] for place in grouped for size in range(len(place.path))}
    refused = [place for place in grouped if place.path not in outer]
    schema = subject.schema()
    missing, instead = _misspelled(grouped, refused, schema, problems)
    for place in refused:
        is_unknown = grouped[place][0]["type"] in _UNKNOWN
        if place not in missing and (is_unknown or not problems.is_broken_inside(subject.path + place.path)):
            _Report(subject, schema, place, problems, instead.get(place, "")).add(grouped[place])
    return [place.path for place in refused]


def _misspelled(
    grouped: Mapping[Place, list[_Error]], refused: Iterable[Place], schema: Schema, problems: Problems
) -> tuple[set[Place], dict[Place, str]]:
    """Return the missing keys that are only misspelled, and hints for the unknown keys that stand in their place.

    A missing key is misspelled when an unknown one beside it resembles it, or when there are as many unknown keys that
    resemble nothing as missing ones.
    """
    missing: dict[JsonPath, dict[str, Place]] = {}
    unknown: dict[JsonPath, list[Place]] = {}
    for place in refused:
        kind = grouped[place][0]["type"]
        if kind in _MISSING and place.path:
            missing.setdefault(place.path[:-1], {})[str(place.path[-1])] = place
        elif kind in _UNKNOWN and place.path:
            unknown.setdefault(place.path[:-1], []).append(place)
    found: set[Place] = set()
    hints: dict[Place, str] = {}
    for parent in missing.keys() & unknown.keys():
        absent, strange = missing[parent], list[Place]()
        known = {
            name
            for one in alternatives_at(schema, parent)
            for name in (*one.get("properties", ()), *one.get("x-reserved", ()))
        }
        for place in unknown[parent]:
            key = str(place.path[-1])
            if meant := problems.meant(key, absent):
                found.add(absent.pop(meant))
                hints[place] = f"did you mean {quote(meant)}?"
            elif key not in known and not problems.meant(key, known):
                strange.append(place)
        if 0 < len(absent) == len(strange) <= _MOST_MISNAMED:
            found.update(absent.values())
            names = f"{' or '.join(map(quote, absent))}, which {'is' if len(absent) == 1 else 'are'} missing"
            hints.update(dict.fromkeys(strange, f"did you mean {names}?"))
    return found, hints


@dataclass(frozen=True, slots=True)
class _Report:
    """Reports what was refused at one place as one problem."""

    subject: Subject
    schema: Schema
    place: Place
    problems: Problems
    instead: str = ""

    def add(self, lines: Sequence[_Error]) -> None:
        line = lines[0]
        kind = cast("str", line["type"])
        if kind in _UNKNOWN:
            self._unknown_key()
        elif kind in _MISSING:
            key = quote(str(self._inner[-1])) if self._inner else ""
            self._add("missing-key", f"the {self.subject.noun} {key} of {self._owner()} is missing", f"add {key}")
        elif "-" in kind:  # from a validator of our own: the types of pydantic have underscores
            self._own(line)
        elif kind in {"value_error", "assertion_error"}:
            self._add("refused-value", str(line["msg"]).partition(", ")[2] or str(line["msg"]))
        else:
            self._wrong(lines)

    @property
    def _inner(self) -> JsonPath:
        return self.place.path

    def _add(self, code: str, message: str, hint: str = "", *, at_key: bool = False) -> None:
        at_key = at_key or self.place.at_key
        self.problems.add(code, message, self.subject.path + self._inner, hint, at_key=at_key)

    def _own(self, line: _Error) -> None:
        context = cast("Mapping[str, Any]", line.get("ctx", {}))
        unknown = context.get("unknown", "")
        fault = Fault(
            str(line["type"]),
            str(line["msg"]),
            self.subject.path + self._inner,
            context.get("hint", ""),
            at_key=bool(unknown) or self.place.at_key,
            unknown=unknown,
            known=tuple(context.get("known", ())),
        )
        self.problems.report(fault)

    def _unknown_key(self) -> None:
        key = str(self._inner[-1])
        schemas = list(alternatives_at(self.schema, self._inner[:-1]))
        if any(key in schema.get("x-reserved", ()) for schema in schemas):
            hint = "write it in the steps that it is for" if self._owner() == "the document" else "remove it"
            self._add("not-supported", f"{quote(key)} is reserved for a later version", hint, at_key=True)
            return
        known = [name for schema in schemas for name in schema.get("properties", ())]
        code = f"unknown-{self.subject.noun}"
        meant = "" if self.instead else self.problems.meant(key, known)
        owner = _value(self.subject.value, self._inner[:-1])
        if meant and is_object(owner) and meant not in owner:  # what lacks below it is only a consequence
            self.problems.block((*self.subject.path, *self._inner[:-1], meant))
        near = f"did you mean {quote(meant)}?" if meant else _known_hint(self.subject.noun, known)
        hint = self.instead or near
        self._add(code, f"unknown {self.subject.noun} {quote(key)} in {self._owner()}", hint, at_key=True)

    def _wrong(self, lines: Sequence[_Error]) -> None:
        value = _value(self.subject.value, self._inner)
        schemas = list(alternatives_at(self.schema, self._inner))
        if isinstance(value, SecretStr) and not any(schema.get("writeOnly") for schema in schemas):
            self._add("secret-misplaced", "no secret is accepted here", "only params of type SecretStr take secrets")
        elif isinstance(value, str) and any(value in schema.get("x-reserved", ()) for schema in schemas):
            self._add(
                "not-supported", f"{quote(value)} is reserved for a later version", f"expected {expected(schemas)}"
            )
        else:
            code = "wrong-type" if all(str(line["type"]).endswith("_type") for line in lines) else "wrong-value"
            wanted = expected(schemas) if schemas else _plain(str(lines[0]["msg"]))
            written = self.problems.variables.written(self.subject.path + self._inner)
            found = f"the value of {quote(written)}" if written else in_words(value)
            shown = quote(str(self._inner[-1])) if self.place.at_key else found
            hint = self._variable_hint(schemas) if isinstance(value, str) else ""
            self._add(code, f"expected {_key_words(self.schema, self.place) or wanted}, found {shown}", hint)

    def _variable_hint(self, schemas: Sequence[Schema]) -> str:
        """Return how to write a template whose variable is text where a number was expected."""
        written = self.problems.document
        for part in self.subject.path + self._inner:
            written = cast("Any", written)[part] if has_part(written, part) else None
        types = [schema["type"] for schema in schemas if schema.get("type") in _VARIABLE_TYPES]
        if not types or not isinstance(written, str) or not written.startswith("${env."):
            return ""
        return f"a variable is text; write {written[:-1]}:{types[0]}}}"

    def _owner(self) -> str:
        if self.subject.owner and len(self._inner) <= 1:
            return self.subject.owner
        titles = [schema["title"] for schema in alternatives_at(self.schema, self._inner[:-1]) if "title" in schema]
        return titles[0] if titles else "an object"


def _known_hint(noun: str, known: Sequence[str]) -> str:
    if not known:
        return f"remove it: no {noun} is allowed here"
    return f"expected one of {', '.join(map(quote, known))}" if len(known) <= 12 else ""


def _plain(message: str) -> str:
    """Return what was expected from a message of pydantic."""
    return message.removeprefix("Input should be ").removeprefix("a valid ")


def _place(value: object, line: _Error) -> Place:
    """Return pydantic's location as a path of the document, without the members of unions."""
    path: list[str | int] = []
    location = cast("tuple[str | int, ...]", line["loc"])
    for part in location:
        if has_part(value, part):
            value = value[part]
            path.append(part)
    if line["type"] in {*_MISSING, "missing-key"} and path != list(location):
        path.append(location[-1])
    return Place(tuple(path), at_key=location[-1:] == (_KEY_MARK,))


def _value(value: Any, path: JsonPath) -> Any:
    for part in path:
        value = value[part]
    return value


def _key_words(schema: Schema, place: Place) -> str:
    """Return what a key must look like, if the key was refused."""
    if not place.at_key:
        return ""
    names = [one.get("propertyNames", {}) for one in alternatives_at(schema, place.path[:-1])]
    return next((name["x-words"] for name in names if "x-words" in name), NAME_WORDS)
