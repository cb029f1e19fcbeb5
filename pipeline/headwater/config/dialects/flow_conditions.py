"""Conditions of paths, as conditions of edges: data, never code."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from headwater.config.dialects.references import UnknownReferenceError, converted
from headwater.shapes import is_list, is_object

__all__ = ["UntranslatedError", "condition_of", "negated", "prefixed"]

_OPERATORS: Final = {
    "eq": ("==", "=", "===", "equals", "equal", "is", "equal_to"),
    "ne": ("!=", "<>", "not_equals", "not_equal", "is_not", "not_equal_to"),
    "gt": (">", "greater_than", "greater", "more_than", "above"),
    "ge": (">=", "gte", "greater_than_or_equal", "greater_or_equal", "greater_than_or_equals", "at_least"),
    "lt": ("<", "less_than", "less", "below"),
    "le": ("<=", "lte", "less_than_or_equal", "less_or_equal", "less_than_or_equals", "at_most"),
    "in": ("one_of", "any_of", "is_in"),
    "not_in": ("none_of", "is_not_in"),
    "contains": ("includes", "has"),
    "starts_with": ("startswith", "begins_with"),
    "ends_with": ("endswith",),
    "matches": ("regex", "regexp", "match"),
    "exists": ("is_set", "present", "is_present"),
    "length_at_least": ("min_length",),
    "length_at_most": ("max_length",),
}
_BY_NAME: Final = {alias: name for name, aliases in _OPERATORS.items() for alias in (name, *aliases)}
_SPECIAL: Final[Mapping[str, dict[str, Any]]] = {
    "is_true": {"eq": True},
    "truthy": {"eq": True},
    "is_false": {"eq": False},
    "is_null": {"eq": None},
    "is_none": {"eq": None},
    "is_not_null": {"ne": None},
    "is_not_none": {"ne": None},
    "is_empty": {"length_at_most": 0},
    "empty": {"length_at_most": 0},
    "is_not_empty": {"length_at_least": 1},
    "not_empty": {"length_at_least": 1},
    "not_exists": {"exists": False},
    "missing": {"exists": False},
}
_INERT = ("description", "name", "label", "metadata")
_MISSING: Final = object()
_PARTS = ("conditions", "rules", "all", "any", "condition", "not")
_ALWAYS = {"always", "true", "default", "none", "unconditional", ""}
_COMPARING = re.compile(r"expression|threshold|comparison|compare|field|value|output|result|simple|data")
_COMPARISON = re.compile(r"""\s*([A-Za-z_][\w.]*)\s*(==|!=|>=|<=|>|<)\s*("[^"]*"|'[^']*'|-?\d+(?:\.\d+)?|\w+)\s*""")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}


class UntranslatedError(Exception):
    """Internal: a condition cannot be translated; the message says why."""


class _Config:
    """The keys of a condition; each of them has to be read."""

    def __init__(self, given: Mapping[str, Any], *read: str) -> None:
        self.given = given
        self.read = {*_INERT, *read}

    def __contains__(self, key: str) -> bool:
        return key in self.given

    def get(self, keys: Sequence[str], default: Any = None) -> Any:
        """Return the value of the first of some keys that is there."""
        key = next((key for key in keys if key in self.given), None)
        if key is None:
            return default
        self.read.add(key)
        return self.given[key]

    def refuse_others(self) -> None:
        """Raise for a key that was not read."""
        if others := [key for key in self.given if key not in self.read]:
            raise UntranslatedError(f"its key {others[0]!r} has no counterpart; remove it")


def condition_of(written: Any, source: str, steps: Collection[str]) -> dict[str, Any] | None:
    """Return a condition on the output of a step; None for one that always holds."""
    if written is None or written is True:
        return None
    if isinstance(written, str):
        return None if written.strip().lower() in _ALWAYS else _of_text(written, source, steps)
    if not is_object(written):
        raise UntranslatedError(f"expected an object with 'type' and 'config', found {written!r:.60}")
    key = next((key for key in ("config", "params") if key in written), "")
    given = written[key] if key else written
    if not is_object(given):
        raise UntranslatedError("expected an object as 'config'")
    if key:
        _Config(written, "type", key).refuse_others()
    config = _Config(given) if key else _Config(given, "type")
    condition = _of_config(written, config, source, steps)
    config.refuse_others()
    return condition


def _of_config(
    written: Mapping[str, Any], config: _Config, source: str, steps: Collection[str]
) -> dict[str, Any] | None:
    kind = str(written.get("type", "expression")).lower().removesuffix("_condition")
    if kind in _ALWAYS:
        return None
    if (joined := _joined(kind, config, source, steps)) is not None:
        return joined
    if "operator" not in config and isinstance(text := config.get(["expression"]), str):
        return _of_text(text, source, steps)
    return _compared(kind, config, source, steps)


def _joined(kind: str, config: _Config, source: str, steps: Collection[str]) -> dict[str, Any] | None:
    """Return a condition that is made of others."""
    word = {"and": "all", "or": "any"}.get(kind, kind)
    word = next((key for key in ("all", "any", "not") if word == key or word.startswith(f"{key}_")), word)
    if word in {"composite", "compound", "logical", "group"}:
        operator = str(config.get(["operator", "logic"], "and")).lower()
        word = {"and": "all", "or": "any", "not": "not"}.get(operator, operator)
    if word not in {"all", "any", "not"}:
        return None
    parts = config.get(_PARTS)
    listed = parts if is_list(parts) else [parts]
    inner = [condition_of(part, source, steps) for part in listed]
    if word == "not":
        if len(inner) != 1 or inner[0] is None:
            raise UntranslatedError("'not' needs one condition that does not always hold")
        return negated(inner[0])
    held = [one for one in inner if one is not None]
    if word == "any" and len(held) < len(inner):
        return None
    return {word: held} if held else None


def _compared(kind: str, config: _Config, source: str, steps: Collection[str]) -> dict[str, Any]:
    field = config.get(["field", "source", "key", "path", "variable", "left"])
    operator = config.get(["operator", "op", "comparison"])
    if operator is None:  # as in `field_equals`
        named = re.sub(r"^(field|value|output|result)_", "", kind)
        operator = named if named in _BY_NAME or named in _SPECIAL else None
    elif not _COMPARING.search(kind) and kind not in _BY_NAME:
        raise UntranslatedError(f"conditions of the type {kind!r} have no counterpart")
    if operator is None:
        hint = "write a condition on fields of the output, or use control.switch"
        raise UntranslatedError(f"conditions of the type {kind!r} have no counterpart: {hint}")
    if not isinstance(field, str) or not isinstance(operator, str):
        raise UntranslatedError("a comparison needs 'field' (or 'source') and 'operator' as strings")
    place = _field(field, source, steps)
    name = operator.strip().lower().replace(" ", "_")
    if name in _SPECIAL:
        return {**place, **_SPECIAL[name]}
    if name == "not_contains":
        return negated({**place, "contains": _value(config, steps)})
    if name not in _BY_NAME:
        raise UntranslatedError(f"the operator {operator!r} is not known")
    known = _BY_NAME[name]
    if known == "exists":
        return {**place, "exists": config.get(["value"], True) is not False}
    return {**place, known: _value(config, steps)}


def _value(config: _Config, steps: Collection[str]) -> Any:
    value = config.get(["value", "threshold", "values", "right", "expected", "pattern"], _MISSING)
    if value is _MISSING:
        raise UntranslatedError("a comparison needs 'value'")
    try:
        return converted(value, steps)
    except UnknownReferenceError as error:
        raise UntranslatedError(str(error)) from error


def _field(written: str, source: str, steps: Collection[str]) -> dict[str, str]:
    """Return the place of a field in the output of the step that the path starts at."""
    path = written.strip().removeprefix("{{").removesuffix("}}").strip().strip("{}").removeprefix("$.")
    root, _, rest = path.partition(".")
    if root == "steps":
        root, _, rest = rest.partition(".")
    if root in steps and root != source:
        raise UntranslatedError(f"it is about the output of step {root!r}, but the path starts at step {source!r}")
    if root in {"parameters", "env", "pipeline_input", "input"}:
        raise UntranslatedError(f"it is about {path!r}, but an edge has a condition on what flows along it")
    if root == source:
        path = rest
    for word in ("result", "results", "output", "outputs", "data"):
        if path == word or path.startswith(f"{word}."):
            path = path[len(word) + 1 :]
            break
    return {"field": path} if path else {}


def _of_text(text: str, source: str, steps: Collection[str]) -> dict[str, Any]:
    """Return a condition that was written as a comparison; code is not evaluated."""
    match = _COMPARISON.fullmatch(text)
    if match is None:
        raise UntranslatedError(f"{text!r:.80} is not a comparison such as 'score >= 0.5', and code is not run")
    field, operator, literal = match.groups()
    if literal[0] in "\"'":
        value: Any = literal[1:-1]
    elif literal in _WORDS:
        value = _WORDS[literal]
    else:
        try:
            value = json.loads(literal)
        except ValueError:
            raise UntranslatedError(f"{literal!r} is not a number, a string, true, false or null") from None
    return {**_field(field, source, steps), _BY_NAME[operator]: value}


def negated(condition: Mapping[str, Any]) -> dict[str, Any]:
    """Return the condition that holds when another one does not."""
    return dict(condition["not"]) if set(condition) == {"not"} else {"not": dict(condition)}


def prefixed(condition: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a condition on the output of a step as one on a record that has it under the name of the step."""
    changed: dict[str, Any] = {}
    for key, value in condition.items():
        if key in {"all", "any"}:
            changed[key] = [prefixed(part, name) for part in value]
        elif key == "not":
            changed[key] = prefixed(value, name)
        elif key != "field":
            changed[key] = value
    if not changed.keys() & {"all", "any", "not"}:
        field = condition.get("field")
        changed = {"field": f"{name}.{field}" if field else name, **changed}
    return changed
