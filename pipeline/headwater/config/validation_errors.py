"""Turns the errors of pydantic into problems: the JSON Schema of what was checked gives what was expected."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from pydantic import SecretStr, ValidationError

from headwater.config.problems import PROBLEMS_LIMIT, Fault, JsonPath, Place, Problems, quote
from headwater.ids import NAME_WORDS
from headwater.shapes import has_part, is_mapping

__all__ = ["Schema", "Subject", "add_faults", "expected", "in_words"]

Schema: TypeAlias = Mapping[str, Any]
_Error: TypeAlias = Mapping[str, Any]

_MISSING = {"missing", "missing_argument", "missing_keyword_only_argument"}
_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}
_KEY_MARK = "[key]"
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
    misspelled = _misspelled(grouped, refused, problems)
    for place in refused:
        if place not in misspelled and not problems.is_broken_inside(subject.path + place.path):
            _Report(subject, schema, place, problems).add(grouped[place])
    return [place.path for place in refused]


def _misspelled(grouped: Mapping[Place, list[_Error]], refused: Iterable[Place], problems: Problems) -> set[Place]:
    """Return the places of keys that are only missing because an unknown key beside them is their misspelled name."""
    missing: dict[JsonPath, dict[str, Place]] = {}
    unknown: list[JsonPath] = []
    for place in refused:
        kind = grouped[place][0]["type"]
        if kind in _MISSING and place.path:
            missing.setdefault(place.path[:-1], {})[str(place.path[-1])] = place
        elif kind in _UNKNOWN and place.path:
            unknown.append(place.path)
    found: set[Place] = set()
    for path in unknown:
        beside = missing.get(path[:-1], {})
        if beside and (meant := problems.meant(str(path[-1]), beside)):
            found.add(beside.pop(meant))
    return found


def expected(schemas: Iterable[Schema]) -> str:
    """Return what a place accepts in words, such as `a whole number from 1 to 65536`; the schemas are alternatives."""
    phrases = dict.fromkeys(_phrase(schema) for schema in schemas)
    if len(phrases) > 1:
        phrases.pop("null", None)
    return " or ".join(phrases) or "nothing"


def in_words(value: object) -> str:
    """Return what a value is in words, without ever showing a secret.

    Args:
        value: A value of a document.

    Returns:
        Such as `the string 'x'`.

    Example:
        >>> in_words(True), in_words("x"), in_words([1, 2])
        ('true', "the string 'x'", 'a list of 2')
    """
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case int() | float():
            text = _digits(value)
            return f"the number {text}"
        case str():
            return f"the string {quote(value)}"
        case list():
            return _list_words(cast("Sequence[Any]", value))
        case Mapping():
            return "an object" if value else "an empty object"
        case SecretStr():
            return "a secret"
        case _:
            return f"a Python {type(value).__name__}"


def _list_words(value: Sequence[Any]) -> str:
    return f"a list of {len(value)}" if value else "an empty list"


def _digits(value: float) -> str:
    """Return a number in words; of one with many digits only their number."""
    bits = value.bit_length() if isinstance(value, int) else 0
    return repr(value) if bits < 200 else f"of about {bits * 0.30103:.0f} digits"


@dataclass(frozen=True, slots=True)
class _Report:
    """Reports what was refused at one place as one problem."""

    subject: Subject
    schema: Schema
    place: Place
    problems: Problems

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
        schemas = list(_at(self.schema, self._inner[:-1]))
        if any(key in schema.get("x-reserved", ()) for schema in schemas):
            self._add("not-supported", f"{quote(key)} is reserved for a later version", "remove it", at_key=True)
            return
        known = [name for schema in schemas for name in schema.get("properties", ())]
        code = f"unknown-{self.subject.noun}"
        hint = self.problems.did_you_mean(key, known) or _known_hint(self.subject.noun, known)
        self._add(code, f"unknown {self.subject.noun} {quote(key)} in {self._owner()}", hint, at_key=True)

    def _wrong(self, lines: Sequence[_Error]) -> None:
        value = _value(self.subject.value, self._inner)
        schemas = list(_at(self.schema, self._inner))
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
        titles = [schema["title"] for schema in _at(self.schema, self._inner[:-1]) if "title" in schema]
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


def _at(schema: Schema, path: JsonPath) -> Iterator[Schema]:
    """Yield the alternatives that a JSON Schema has at a path, without references."""
    definitions = cast("Mapping[str, Schema]", schema.get("$defs", {}))
    alternatives = list(_alternatives(schema, definitions))
    for part in path:
        inner = [below for one in alternatives if (below := _below(one, part)) is not None]
        alternatives = [one for below in inner for one in _alternatives(below, definitions)]
    yield from alternatives


def _alternatives(schema: Schema, definitions: Mapping[str, Schema]) -> Iterator[Schema]:
    if "$ref" in schema:
        yield from _alternatives(definitions[str(schema["$ref"]).rpartition("/")[2]], definitions)
        return
    members = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    if not members:
        yield schema
    for member in cast("list[Schema]", members):
        yield from _alternatives(member, definitions)


def _below(schema: Schema, part: str | int) -> Schema | None:
    if isinstance(part, int):
        prefix = cast("Sequence[Schema]", schema.get("prefixItems", ()))
        inner: Any = prefix[part] if part < len(prefix) else schema.get("items")
    else:
        inner = schema.get("properties", {}).get(part) or schema.get("additionalProperties")
        for patterned in schema.get("patternProperties", {}).values():
            inner = inner or patterned
    return inner if is_mapping(inner) else None


def _key_words(schema: Schema, place: Place) -> str:
    """Return what a key must look like, if the key was refused."""
    if not place.at_key:
        return ""
    names = [one.get("propertyNames", {}) for one in _at(schema, place.path[:-1])]
    return next((name["x-words"] for name in names if "x-words" in name), NAME_WORDS)


def _phrase(schema: Schema) -> str:
    if "x-words" in schema:
        return str(schema["x-words"])
    if "enum" in schema or "const" in schema:
        return " or ".join(_literal(value) for value in schema.get("enum", [schema.get("const")]))
    match schema.get("type"):
        case "integer":
            return "a whole number" + _range(schema)
        case "number":
            return "a number" + _range(schema)
        case "boolean":
            return "true or false"
        case "null":
            return "null"
        case "string":
            return str(_string_phrase(schema))
        case "array":
            return "a list" + _count(schema.get("minItems"), schema.get("maxItems"), "of")
        case "object":
            return "an object" + _count(schema.get("minProperties"), schema.get("maxProperties"), "of", " fields")
        case _:
            return "a value"


def _string_phrase(schema: Schema) -> str:
    if "format" in schema and schema["format"] != "password":
        return f"a string: {schema['format']}"
    matching = f" that matches {schema['pattern']}" if "pattern" in schema else ""
    counted = _count(schema.get("minLength"), schema.get("maxLength"), "of", " characters")
    return f"a string{counted}{matching}"


def _literal(value: object) -> str:
    return quote(value) if isinstance(value, str) else in_words(value).removeprefix("the number ")


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    bounds = [
        f"from {low} to {high}" if low is not None and high is not None else "",
        f"from {low}" if low is not None and high is None else "",
        f"up to {high}" if high is not None and low is None else "",
        f"greater than {over}" if over is not None else "",
        f"less than {under}" if under is not None else "",
    ]
    return "".join(f" {bound}" for bound in bounds if bound)


def _count(low: int | None, high: int | None, preposition: str, unit: str = "") -> str:
    if high is None:
        return f" {preposition} at least {low}{unit}" if low else ""
    return f" {preposition} {low} to {high}{unit}" if low else f" {preposition} at most {high}{unit}"
