"""Templates in documents: `${parameters.x}`, `${env.NAME}` and `${secret.NAME}`.

A variable is text, unless the template gives it a type: `${env.PORT:integer}`. `${env.PORT:-80}` has a default for a
variable that is not set or empty, `${env.PORT:integer:-80}` both.

A string that is exactly one template becomes the value itself, with its type; in a longer string, the value is
inserted. Inserted values are never read again as templates. `$${` is a literal `${`.

Templates are allowed in every value, except those that say what the pipeline is: `$schema`, `name`, `parameters`, the
list of steps with the `id` and `kind` of each, those in policies too, and the list of edges with their ends. `params`
may hold templates, but not be one. They are never allowed in keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, cast

from pydantic import SecretStr

from headwater.config.notation.reading import SIZE_LIMIT_BYTES
from headwater.config.notation.value_texts import VALUE_PARSERS
from headwater.config.problems import JsonPath, Problems, quote
from headwater.errors import ConfigError
from headwater.shapes import has_part, is_list, is_mapping, is_text

__all__ = ["SECRET_PREFIX", "Scope", "fill", "literal"]

SECRET_PREFIX = "HEADWATER_SECRET_"  # noqa: S105 - the name of variables, not a secret
"""Prefix of the environment variables that hold secrets."""

_TEMPLATE = re.compile(r"\$\$\{|\$\{((?:[^{}]|\{[^{}]*\})*)(\}?)")  # braces within stand in pairs, as in a default
_FIXED_TOP = {"$schema", "name", "parameters"}
_FIXED_STEP = {"id", "kind", "params"}
_FIXED_EDGE = {"from", "to"}
_SUBSTEPS = (("on_error", "fallback"), ("compensate",))
_FIXED_SUBSTEPS = {*_SUBSTEPS, *((*place, key) for place in _SUBSTEPS for key in ("kind", "params"))}
_TYPE_NAMES = {"int": "integer", "float": "number", "bool": "boolean"}
_TYPES = (*VALUE_PARSERS, *_TYPE_NAMES)
_ARTICLES = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a JSON list",
    "object": "a JSON object",
}
_OWN_DOCUMENT = "load it with env=os.environ if its author may see your environment"
_OWN_SECRETS = "give it in secrets={...}, or load the document with env=os.environ if its author may use every secret"
_TOO_LARGE = f"the values of its templates make the document larger than {SIZE_LIMIT_BYTES // 2**20} MiB"
_FORMS = "write ${parameters.NAME}, ${env.NAME} or ${secret.NAME}; a literal ${ is written $${"


class _UnresolvedError(Exception):
    """A template has no value; without a code, this was reported already."""

    def __init__(self, code: str = "", message: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Scope:
    """Where templates find their values."""

    parameters: Mapping[str, Any]
    without_value: frozenset[str]
    env: Mapping[str, str] | None = field(repr=False)
    secrets: Mapping[str, str | SecretStr] = field(repr=False)

    def resolve(self, reference: str, problems: Problems) -> Any:
        """Return the value of the reference between the braces of a template."""
        namespace, _, name = reference.partition(".")
        match namespace:
            case "parameters" if name:
                return self._parameter(name, problems)
            case "env" if name:
                return self._typed_variable(name, problems)
            case "secret" if name:
                return self._secret(name, problems)
            case _:
                raise _UnresolvedError("bad-template", f"{quote('${' + reference + '}')} is not a template", _FORMS)

    def _parameter(self, name: str, problems: Problems) -> Any:
        if name in self.parameters:
            return self.parameters[name]
        if name in self.without_value:
            raise _UnresolvedError
        hint = (
            problems.did_you_mean(name, chain(self.parameters, self.without_value)) or "declare it under 'parameters'"
        )
        raise _UnresolvedError("unknown-parameter", f"there is no parameter {quote(name)}", hint)

    def _typed_variable(self, text: str, problems: Problems) -> Any:
        """Return the value of a variable by its name, a type if there is one, and a default if there is one."""
        declared, dash, default = text.partition(":-")
        if "${" in default:
            message = f"{quote('${env.' + text + '}')}: a default cannot contain another template"
            raise _UnresolvedError("bad-template", message, "write its value, or use a parameter with a default")
        name, colon, type_ = declared.partition(":")
        kind = _TYPE_NAMES.get(type_, type_) if colon else "string"
        if not name or kind not in VALUE_PARSERS:
            hint = problems.did_you_mean(type_, _TYPES) if name else _FORMS
            message = f"{quote('${env.' + text + '}')}: expected a type after the colon, such as integer"
            raise _UnresolvedError("bad-template", message, hint or f"use one of {', '.join(_TYPES)}")
        value = default if dash and not (self.env or {}).get(name) else self._variable(name, problems)
        try:
            return VALUE_PARSERS[kind](value)
        except ValueError:
            what = f"the default of the environment variable {quote(name)}" if value is default else ""
            message = f"{what or f'the environment variable {quote(name)}'} is not {_ARTICLES[kind]}"
            raise _UnresolvedError("wrong-type", message, "set it to one") from None

    def _variable(self, name: str, problems: Problems) -> str:
        if name.startswith(SECRET_PREFIX):
            hint = f"write ${{secret.{name.removeprefix(SECRET_PREFIX)}}}"
            raise _UnresolvedError("secret-misplaced", "a secret cannot be read as an ordinary variable", hint)
        if self.env is None:
            message = f"there is no environment variable {quote(name)} for a document that is given as text or data"
            raise _UnresolvedError("unknown-variable", message, _OWN_DOCUMENT)
        value = self.env.get(name)
        if value is None:
            hint = "set it before the pipeline is loaded"  # names of others are not for every author of a document
            raise _UnresolvedError("unknown-variable", f"the environment variable {quote(name)} is not set", hint)
        problems.variables.add(name, _checked(value, name))
        return value

    def _secret(self, name: str, problems: Problems) -> SecretStr:
        value = self.secrets.get(name, (self.env or {}).get(SECRET_PREFIX + name))
        if value is None:  # names of others are not for every author of a document
            hint = f"set the environment variable {SECRET_PREFIX}{name}" if self.env is not None else _OWN_SECRETS
            raise _UnresolvedError("unknown-secret", f"there is no secret {quote(name)}", hint)
        secret = value if isinstance(value, SecretStr) else SecretStr(value)
        problems.redact([_checked(secret.get_secret_value(), name)])
        return secret


def _checked(value: str, name: str) -> str:
    if is_text(value):
        return value
    raise _UnresolvedError("bad-text", f"the value of {quote(name)} is not UTF-8", "set it to a string")


def fill(
    document: Mapping[str, Any],
    scope: Scope,
    problems: Problems,
    is_literal: Callable[[str, str], bool] = lambda _kind, _param: False,
) -> dict[str, Any]:
    """Return a document with its templates replaced by their values; parts without templates are shared.

    A template without a value is reported and stays as it is, and its place is blocked. A param that is a document of
    its own stays as it is, as `is_literal` says by its kind and name: it has parameters of its own.
    """
    return cast("dict[str, Any]", _Filler(scope, problems, document, is_literal).value(document))


def literal(value: Any) -> Any:
    """Return JSON data as a document writes it, with `$${` for each `${` in its strings."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if is_mapping(value):
        return {key: literal(member) for key, member in value.items()}
    return [literal(member) for member in value] if is_list(value) else value


class _Filler:
    """Walks a document once, and copies only parts with templates in them."""

    __slots__ = ("_document", "_is_literal", "_known", "_left", "_path", "_problems", "_scope")

    def __init__(
        self,
        scope: Scope,
        problems: Problems,
        document: Mapping[str, Any],
        is_literal: Callable[[str, str], bool],
    ) -> None:
        self._document = document
        self._is_literal = is_literal
        self._scope = scope
        self._problems = problems
        self._path: list[str | int] = []
        self._known: dict[str, tuple[Any, int] | _UnresolvedError] = {}
        self._left = SIZE_LIMIT_BYTES

    def value(self, value: object) -> Any:
        """Return an object or a list with its templates replaced, the same one if it has none."""
        container: Any = value
        entries = container.items() if isinstance(value, dict) else enumerate(container)
        changed: Any = None
        for key, item in cast("Iterable[tuple[Any, Any]]", entries):
            kind: type[Any] = cast("Any", type(item))
            if kind is str:
                if "${" not in item:
                    continue
            elif (kind is not dict and kind is not list) or (kind is dict and self._is_document(key)):
                continue
            self._path.append(key)
            new = self._text(item) if kind is str else self.value(item)
            self._path.pop()
            if new is not item:
                changed = container.copy() if changed is None else changed
                changed[key] = new
        return container if changed is None else changed

    def _is_document(self, key: Any) -> bool:
        """Return whether what stands under a key of the present object is a document of its own."""
        if len(self._path) < 3 or self._path[-1] != "params" or self._path[0] != "steps":
            return False
        step: Any = self._document
        for part in self._path[:-1]:
            step = step[part]
        kind = step.get("kind") if is_mapping(step) else None
        return isinstance(kind, str) and self._is_literal(kind, key)

    def _text(self, text: str) -> Any:
        path = tuple(self._path)
        if _is_fixed(path):
            self._refuse_fixed(text, path)
            return text
        if "${env." in text:
            self._problems.variables.put(path, text)
        try:
            return self._replaced(text)
        except _UnresolvedError as error:
            if error.code:
                self._problems.add(error.code, error.message, path, error.hint)
                self._problems.raise_if_enough()
            self._problems.block(path)
            return text

    def _replaced(self, text: str) -> Any:
        whole = _TEMPLATE.fullmatch(text)
        if whole is not None and whole[2]:
            value = self._resolved(whole[1])
            if self._path[0] == "steps" and self._path[2:] == ["on_error"] and has_part(value, "fallback"):
                raise _UnresolvedError("template-misplaced", "no template is allowed for a step", "write the step here")
            if isinstance(value, SecretStr) and not _is_in_params(self._path):
                raise _UnresolvedError("secret-misplaced", "a secret is allowed only in params", "remove it")
            return value
        return _TEMPLATE.sub(self._inserted, text)

    def _resolved(self, reference: str) -> Any:
        """Return the value of a reference; a large one in many places would make of a small document a huge one."""
        known = self._known.get(reference)
        if known is None:
            try:
                value = self._scope.resolve(reference, self._problems)
                known = value, _size(value)
            except _UnresolvedError as error:
                known = error.with_traceback(None)  # which would keep everything that is on the stack
            self._known[reference] = known
        if isinstance(known, _UnresolvedError):
            raise known.with_traceback(None)
        self._left -= known[1]
        if self._left < 0:
            hint = "use large values in fewer places"
            self._problems.add("too-large", _TOO_LARGE, tuple(self._path), hint)
            raise ConfigError(self._problems.listed())
        return known[0]

    def _inserted(self, match: re.Match[str]) -> str:
        if match[1] is None:
            return "${"
        if not match[2]:
            raise _UnresolvedError("bad-template", "the '${' has no '}'", _FORMS)
        value = self._resolved(match[1])
        if isinstance(value, SecretStr):
            raise _UnresolvedError(
                "secret-misplaced", "a secret cannot be part of a longer string", "write the template alone"
            )
        if isinstance(value, str):
            return value
        if isinstance(value, (bool, int, float)):
            try:
                return json.dumps(value)
            except ValueError as error:
                raise _UnresolvedError("template-type", "the number has too many digits for a string") from error
        message = f"the value of {match[0]} cannot be inserted into a string"
        raise _UnresolvedError("template-type", message, "only strings, numbers and booleans can")

    def _refuse_fixed(self, text: str, path: JsonPath) -> None:
        if _TEMPLATE.search(text.replace("$${", "")):
            hint = "templates are for values such as those of params"
            if path[0] == "parameters" and path[-1] == "default":
                hint = (
                    "write ${env.NAME:integer:-80} where the parameter is used, or give the parameter a value by --set"
                )
            self._problems.add("template-misplaced", f"{quote(text)}: no template is allowed here", path, hint)
            self._problems.block(path)


def _size(value: object) -> int:
    """Return about how many characters a value takes as JSON."""
    size, pending = 0, [value]
    while pending:
        one = pending.pop()
        if is_mapping(one):
            pending += [*one.keys(), *one.values()]
        elif is_list(one):
            pending += one
        size += len(one) if isinstance(one, str) else 1
    return size


def _is_in_params(path: Sequence[str | int]) -> bool:
    """Return whether a place is inside the params of a step, or of one in its policies."""
    inside = tuple(path[2:])
    return any(inside[: len(place) + 1] == (*place, "params") for place in ((), *_SUBSTEPS))


def _is_fixed(path: JsonPath) -> bool:
    """Return whether a place defines what the pipeline is, so that no template is allowed there."""
    if path[0] in _FIXED_TOP:
        return True
    if path[0] == "steps":
        return len(path) <= 2 or (len(path) == 3 and path[2] in _FIXED_STEP) or path[2:] in _FIXED_SUBSTEPS
    return path[0] == "edges" and (len(path) <= 2 or (len(path) == 3 and path[2] in _FIXED_EDGE))
