"""Conditions as data, compiled to predicates of items.

```json
{"field": "score", "ge": 0.5}
{"all": [{"field": "lang", "in": ["de", "fr"]}, {"not": {"field": "text", "matches": "^#"}}]}
```

Testing a condition never raises: where values cannot be compared, the result is False.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from headwater.config.conditions.comparison_faults import ComparisonFaults
from headwater.config.conditions.field_paths import FIELD_LENGTH_LIMIT, FIELD_PATTERN, Lookup, is_field_path
from headwater.config.conditions.operators import OPERATORS, Odd, OperandError, Predicate
from headwater.config.conditions.selection import Select, selection
from headwater.config.data_params import DataParam
from headwater.config.problems import PROBLEMS_LIMIT, Fault, JsonPath, Problems, quote
from headwater.limits.patterns import PatternError
from headwater.shapes import is_list, is_mapping

__all__ = ["Condition", "Predicate"]

DEPTH_LIMIT = 16
SIZE_LIMIT = 1_000
_COMBINERS = ("all", "any", "not")
_SPEC_SHAPE = "write an operator, or one of all, any and not"


class Condition(DataParam):
    """A test of an item, given as data; usable as the type of a param.

    Without `field`, the item itself is tested. Several operators in one object must all hold. A missing field meets
    only `"exists": false`. A number, a string, a boolean, a list and an object are never equal to one another, and only
    two numbers or two strings can be less or greater; `ne` and `not_in` are the opposite of `eq` and `in`.

    A date or a time is compared with a string in ISO 8601 as what it writes. An operand without an offset is UTC for a
    value with one; a value without an offset has no order with an operand that has one. In a pipeline, the first value
    that an operator cannot compare, such as a string with a number, is reported in the log.

    Args:
        source: `{"field": path, operator: operand, ...}`, `{"all": [...]}`, `{"any": [...]}` or `{"not": ...}`. A path
            goes through mappings, sequences, dataclasses and pydantic models, such as `author.names.0`.

    Raises:
        ConfigError: The data is not a condition; lists every problem.

    Example:
        >>> condition = Condition({"field": "score", "ge": 0.5})
        >>> condition.test({"score": 0.7}), condition.test({"score": "high"}), condition.test({})
        (True, False, False)
    """

    __slots__ = ("mismatches", "select", "test")

    source: Mapping[str, Any]
    """The condition as data."""

    test: Predicate
    """Return whether an item meets the condition."""

    select: Select
    """Return those of some items that meet the condition."""

    mismatches: ComparisonFaults
    """Reports the first value that the condition cannot compare, once the place of the condition is known."""

    def __init__(self, source: Mapping[str, Any]) -> None:
        compiler = _Compiler()
        self.source = source
        self.test = compiler.condition(source, ())
        problems = Problems(source)
        for fault in compiler.faults:
            problems.report(fault)
        problems.raise_if_any()
        self.select = selection(source, self.test)
        self.mismatches = compiler.mismatches

    @classmethod
    def from_data(cls, data: Any) -> Self:
        """Make a condition of the data in a document.

        Args:
            data: An object of a document, such as `{"field": "score", "ge": 0.5}`.

        Returns:
            The condition, of this class.

        Raises:
            ValidationError: The data is wrong; lists every fault.
        """
        compiler = _Compiler()
        condition = cls.__new__(cls)
        condition.test = compiler.condition(data, ())
        if compiler.faults:
            raise cls.refusal(compiler.faults)
        condition.source = data
        condition.select = selection(data, condition.test)
        condition.mismatches = compiler.mismatches
        return condition


class _Compiler:
    """Turns the data of one condition into nested predicates, and collects what is wrong with it."""

    __slots__ = ("_left", "faults", "mismatches")

    def __init__(self) -> None:
        self._left = SIZE_LIMIT
        self.faults: list[Fault] = []
        self.mismatches = ComparisonFaults()

    def condition(self, value: object, path: JsonPath) -> Predicate:
        """Return the predicate of one object of the data."""
        self._left -= 1
        if self._left < 0 or len(path) > 2 * DEPTH_LIMIT:
            return self._refuse(
                "too-large", f"the condition has more than {SIZE_LIMIT} parts or {DEPTH_LIMIT} levels", path
            )
        if not is_mapping(value):
            return self._refuse("wrong-type", "expected a condition: an object", path, hint=_SPEC_SHAPE)
        combiner = next((name for name in _COMBINERS if name in value), None)
        return self._tests(value, path) if combiner is None else self._combined(combiner, value, path)

    def _combined(self, combiner: str, data: Mapping[str, Any], path: JsonPath) -> Predicate:
        for key in data:
            if key != combiner:
                self._refuse(
                    "bad-condition",
                    f"{combiner!r} and {quote(key)} cannot stand in one object",
                    (*path, key),
                    hint="nest them with all",
                )
        operand = data[combiner]
        if combiner == "not":
            negated = self.condition(operand, (*path, combiner))
            return lambda item: not negated(item)
        if not is_list(operand) or not operand:
            message = f"expected a list of conditions for {combiner!r}"
            return self._refuse("wrong-type", message, (*path, combiner))
        parts = [self.condition(part, (*path, combiner, index)) for index, part in enumerate(operand)]
        return _all(parts) if combiner == "all" else _any(parts)

    def _tests(self, data: Mapping[str, Any], path: JsonPath) -> Predicate:
        """Return the predicate of an object of operators."""
        field = data.get("field")
        lookup = self._lookup(field, (*path, "field")) if "field" in data else None
        tests = [
            self._test(name, operand, lookup, (*path, name), partial(self.mismatches.add, field, name, operand))
            for name, operand in data.items()
            if name != "field"
        ]
        if not tests:
            return self._refuse("bad-condition", "the condition has no operator", path, hint=_SPEC_SHAPE)
        return tests[0] if len(tests) == 1 else _all(tests)

    def _test(self, name: str, operand: object, lookup: Lookup | None, path: JsonPath, odd: Odd) -> Predicate:
        spec = OPERATORS.get(name)
        if spec is None:
            known = (*OPERATORS, *_COMBINERS, "field")
            return self._refuse(
                "unknown-operator", f"unknown operator {quote(name)} in a condition", path, known=known, unknown=name
            )
        try:
            test = spec.build(operand, odd)
        except (OperandError, PatternError) as error:
            return self._refuse("bad-operand", f"operator {name!r}: {error}", path)
        if lookup is None:
            return test
        return _on_field(lookup, test, when_missing=name == "exists" and operand is False)

    def _lookup(self, field: object, path: JsonPath) -> Lookup:
        if isinstance(field, str) and is_field_path(field):
            return Lookup.of(field)
        message = "expected the path of a field, such as 'author.name'"
        self._refuse("bad-field", message, path, hint="write a name that ends with a dot in quotes, as in \"'No.'\"")
        return Lookup(())

    def _refuse(
        self, code: str, message: str, path: JsonPath, *, hint: str = "", unknown: str = "", known: tuple[str, ...] = ()
    ) -> Predicate:
        if len(self.faults) <= PROBLEMS_LIMIT:
            self.faults.append(Fault(code, message, path, hint, unknown=unknown, known=known))
        return _never


def _never(_item: object) -> bool:
    return False


def _all(tests: list[Predicate]) -> Predicate:
    return lambda item: all(test(item) for test in tests)


def _any(tests: list[Predicate]) -> Predicate:
    return lambda item: any(test(item) for test in tests)


def _on_field(lookup: Lookup, test: Predicate, *, when_missing: bool) -> Predicate:
    find, missing = lookup.find, Lookup.MISSING
    if (part := lookup.name) is not None:
        plain: type[Any] = dict  # most items are: it is checked first

        def check_key(item: Any) -> bool:
            value = item.get(part, missing) if type(item) is plain else find(item)
            return when_missing if value is missing else test(value)

        return check_key

    def check(item: Any) -> bool:
        value = find(item)
        return when_missing if value is missing else test(value)

    return check


def _described(operand: Any, meaning: str) -> Any:
    return Annotated[operand, Field(description=meaning)]


_PATH = Annotated[str, Field(max_length=FIELD_LENGTH_LIMIT, pattern=FIELD_PATTERN)]
_SEVERAL = Annotated[list["ConditionData"], Field(min_length=1)]
_OPERANDS: dict[str, Any] = {
    "field": _described(_PATH, "Path of the field to test, such as author.names.0; without it, the item itself."),
    **{name: _described(spec.operand, spec.meaning) for name, spec in OPERATORS.items()},
    "all": _described(_SEVERAL, "All of these conditions hold."),
    "any": _described(_SEVERAL, "At least one of these conditions holds."),
    "not": _described("ConditionData", "This condition does not hold."),
}
_SHAPE: dict[str, Any] = {  # what the types of its keys do not say
    "minProperties": 1,
    "dependentSchemas": {
        "field": {"minProperties": 2},
        **{
            combiner: {"properties": dict.fromkeys(_COMBINERS[: index + 1], True), "additionalProperties": False}
            for index, combiner in enumerate(_COMBINERS)
        },
    },
}
_typed_dict: Any = TypedDict  # called with a table: some operators are keywords of Python, so no class can name them
ConditionData: Any = with_config(ConfigDict(extra="forbid", title="a condition", json_schema_extra=_SHAPE))(
    _typed_dict("ConditionData", _OPERANDS, total=False)
)
Condition.data_type = ConditionData
