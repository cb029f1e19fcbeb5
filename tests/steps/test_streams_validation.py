"""Items checked by JSON Schemas, and schemas checked before that."""

from __future__ import annotations

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from headwater import ConfigError, ExecutionTimeoutError, Pipeline, StepError, run_sync
from headwater_steps.json_schemas.checked_schema import CheckedSchema, TooMuchWorkError, is_large
from headwater_steps.json_schemas.schema_faults import APPLICATIONS_LIMIT, faults_of
from headwater_steps.streams import validation
from headwater_steps.streams.validation import JsonSchema, ValidationFooter, Violation, validate
from tests.effort import calls, effort

PERSON: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "additionalProperties": False,
}
PEOPLE: list[Any] = [{"name": "Ida"}, {"name": "Bo", "age": -3, "shoe": 40}, {"name": "Al", "age": 7}, 5]


class Person(BaseModel):
    name: str
    age: int | None = None


def checking(params: dict[str, Any], output: Any = "check") -> Pipeline:
    """Return a pipeline of one validation."""
    steps = [{"id": "check", "kind": "stream.validate", "params": params}]
    return Pipeline.load({"name": "checking", "steps": steps, "output": output})


def refused(schema: Any) -> list[tuple[str, str]]:
    """Return code and path of each problem of a document with a schema."""
    with pytest.raises(ConfigError) as error:
        checking({"schema": schema})
    return [(problem.code, problem.path.removeprefix("$.steps[0].params.")) for problem in error.value.problems]


# ---- items


@pytest.mark.parametrize("on_bad", [None, "reject"])
async def test_gives_bad_items_on_the_side_with_all_that_is_wrong(on_bad: str | None) -> None:
    """Good items pass as they are, bad ones go to the side port when it leads somewhere, on every event loop."""
    params = {"schema": PERSON} | ({} if on_bad is None else {"on_bad": on_bad})
    result = await checking(params, ["check", "check.rejected"]).run(iter(PEOPLE))
    assert result.output["check.out"] == [PEOPLE[0], PEOPLE[2]]
    first, second = result.output["check.rejected"]
    assert (first.number, first.item, second.number, second.item) == (2, PEOPLE[1], 4, 5)
    assert {violation.path for violation in first.violations} == {"$", "$.age"}
    assert second.violations == (Violation(path="$", message="5 is not of type 'object'"),)


async def test_skips_and_counts_bad_items_when_asked() -> None:
    """The footer tells how many there were, and where."""
    result = await checking({"schema": PERSON, "on_bad": "skip"}).run(iter(PEOPLE))
    assert result.output == [PEOPLE[0], PEOPLE[2]]
    assert result.footer == ValidationFooter(items=4, good=2, bad=2, first_bad=(2, 4))


def test_footer_keeps_the_places_of_the_first_ten_bad_items() -> None:
    """It stays small whatever the number of bad items."""
    result = run_sync(checking({"schema": {"type": "string"}, "on_bad": "skip"}), iter(range(1_000)))
    assert (result.footer.bad, result.footer.first_bad) == (1_000, tuple(range(1, 11)))


@pytest.mark.parametrize("params", [{}, {"on_bad": "fail"}])
async def test_fails_at_the_first_bad_item_by_default(params: dict[str, Any]) -> None:
    """The error tells the number of the item and everything that is wrong with it."""
    with pytest.raises(StepError) as error:
        await checking({"schema": PERSON, **params}).run(iter(PEOPLE))
    assert str(error.value).endswith(
        "item 2 does not match the schema: $.age: -3 is less than the minimum of 0; $: 'shoe' is not allowed;"
        " correct it, or set on_bad"
    )


def test_is_refused_when_rejected_is_not_connected() -> None:
    """A policy that cannot be kept is reported when the document is loaded, not when the first bad item comes."""
    with pytest.raises(ConfigError, match=r"the port 'rejected' of step '[a-z]+' is not connected"):
        checking({"schema": PERSON, "on_bad": "reject"})


def test_shows_no_more_of_an_item_than_it_is_asked_to() -> None:
    """A hopeless item does not fill the memory with what is wrong with it."""
    pipeline = checking({"schema": {"items": {"type": "string"}}, "max_violations": 3}, ["check", "check.rejected"])
    violations = run_sync(pipeline, iter([[1, 2, 3, 4, 5], ["x" * 10_000, 1]])).output["check.rejected"]
    assert [violation.path for violation in violations[0].violations] == ["$[0]", "$[1]", "$[2]"]


def test_cuts_a_message_that_would_hold_a_large_value() -> None:
    """What the library says of a value contains all of it."""
    ((_, message),) = CheckedSchema({"type": "integer"}).violations("x" * 10_000, most=5)
    assert len(message) < 400


@pytest.mark.parametrize(
    ("item", "schema", "good"),
    [
        (Person(name="Ida", age=3), {"type": "object", "properties": {"age": {"minimum": 3}}}, True),
        (Person(name="Ida", age=3), {"type": "object", "properties": {"age": {"minimum": 4}}}, False),
        ({"path": Path("x")}, {"properties": {"path": {"const": "x"}}}, True),
        ({1, 2}, {"type": "array"}, True),
        (float("nan"), {"type": "number"}, True),
        ("text", {"format": "date"}, True),
    ],
)
def test_looks_at_items_as_json_would_have_them(item: Any, schema: dict[str, Any], good: bool) -> None:
    """Models are objects, paths are texts; what passes is the item itself."""
    result = run_sync(checking({"schema": schema, "on_bad": "skip"}), iter([item]))
    assert [one is item for one in result.output] == [True] * good


def test_takes_what_json_cannot_express_for_bad() -> None:
    """An item that no schema can allow is told like any other bad one."""
    output = run_sync(checking({"schema": {}}, ["check", "check.rejected"]), iter([object(), 1])).output
    assert output["check.out"] == [1]
    assert "cannot be written as JSON" in output["check.rejected"][0].violations[0].message


def test_keeps_the_type_of_the_items() -> None:
    """The next edge is checked by the type of what is validated."""
    words = {"id": "words", "kind": "text.words"}
    check = {"id": "check", "kind": "stream.validate", "params": {"schema": {"minLength": 2}}}
    plan = Pipeline.load({"name": "x", "steps": [words, check, {"id": "upper", "kind": "text.upper"}]}).plan()
    assert [edge.type.item for edge in plan.edges if edge.source == "check"] == [str]


# ---- schemas in files


async def test_reads_a_schema_from_a_file_when_the_step_starts(tmp_path: Path) -> None:
    """Loading a document opens nothing; the file may appear later."""
    file = tmp_path / "person.json"
    pipeline = checking({"schema": str(file), "on_bad": "skip"})
    file.write_text(json.dumps(PERSON), "utf-8")
    assert (await pipeline.run(iter(PEOPLE))).output == [PEOPLE[0], PEOPLE[2]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type": "objct"}', "person.json:1:10: $.type: 'objct' is not one of"),
        ('{\n"requried": []}', "person.json:2:1: $.requried: unknown keyword 'requried'"),
        ('{"pattern": "("}', "$.pattern: not a pattern: unclosed group"),
        ("[]", "person.json:1:1"),
        ('{"type": ', "person.json:1:"),
        (None, "person.json"),
    ],
)
def test_reports_where_a_file_is_wrong(text: str | None, message: str, tmp_path: Path) -> None:
    """The error names the file, and the line and column of every fault of the schema in it."""
    if text is not None:
        (tmp_path / "person.json").write_text(text, "utf-8")
    with pytest.raises(StepError) as error:
        run_sync(checking({"schema": str(tmp_path / "person.json")}), iter(PEOPLE))
    assert message in str(error.value)


# ---- schemas in documents

WRONG: list[Any] = [
    ({"type": "objct"}, ["schema.type"]),
    ({"properties": {"a": {"minimum": "x"}, "b": 3}}, ["schema.properties.a.minimum", "schema.properties.b"]),
    ({"requried": ["a"], "x-note": 1}, ["schema.requried"]),
    ({"items": {"nullable": True}}, ["schema.items.nullable"]),
    ({"items": [{"type": "string"}]}, ["schema.items"]),
    ({"$schema": "http://json-schema.org/draft-07/schema#"}, ['schema["$schema"]']),
    ({"$schema": {}}, ['schema["$schema"]']),
    # patterns
    ({"pattern": "("}, ["schema.pattern"]),
    ({"pattern": "(?=a)"}, ["schema.pattern"]),
    ({"pattern": "((a{99}){99}){99}"}, ["schema.pattern"]),
    ({"allOf": [{"patternProperties": {"[": {}}}]}, ['schema.allOf[0].patternProperties["["]']),
    ({"propertyNames": {"pattern": "a" * 501}}, ["schema.propertyNames.pattern"]),
    ({"patternProperties": {"a": {}}, "unevaluatedProperties": False}, ["schema.unevaluatedProperties"]),
    # references
    ({"$ref": "https://example.com/person.json"}, ['schema["$ref"]']),
    ({"items": {"$ref": "person.json#/$defs/a"}}, ['schema.items["$ref"]']),
    ({"$ref": "file:///etc/passwd"}, ['schema["$ref"]']),
    ({"$ref": "#/$defs/a", "$defs": {"b": {}}}, ['schema["$ref"]']),
    ({"$ref": "#nowhere"}, ['schema["$ref"]']),
    ({"$ref": "http://["}, ['schema["$ref"]']),
    ({"$ref": "#/required/0", "required": ["a"]}, ['schema["$ref"]']),
    ({"$ref": "#/x-hidden", "x-hidden": {"pattern": "(a+)+$"}}, ['schema["$ref"]']),
    ({"$id": "https://example.com/a", "items": {"$ref": "b"}}, ['schema.items["$ref"]']),
    # without end
    ({"$ref": "#"}, ["schema"]),
    ({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}}, ['schema["$defs"].a']),
    ({"if": {"$dynamicRef": "#node"}, "$dynamicAnchor": "node"}, ["schema"]),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "paths"), WRONG, ids=[str(index) for index in range(len(WRONG))])
def test_refuses_a_wrong_schema_when_a_document_is_loaded(schema: Any, paths: list[str]) -> None:
    """Every fault is told at its place in the document."""
    assert refused(schema) == [("bad-schema", path) for path in paths]


def test_suggests_the_keyword_that_was_meant() -> None:
    """A misspelled keyword would allow everything."""
    with pytest.raises(ConfigError, match="did you mean 'required'"):
        checking({"schema": {"requried": ["a"]}})
    with pytest.raises(ConfigError, match="did you mean 'required'"):
        JsonSchema({"requried": ["a"]})


@pytest.mark.parametrize("schema", [3, None, [], True])
def test_refuses_what_is_neither_a_schema_nor_a_path(schema: Any) -> None:
    """A schema is an object, a path is a text."""
    assert refused(schema) == [("wrong-type", "schema")]


def test_refuses_a_schema_that_doubles_its_work_at_each_step() -> None:
    """A few lines would otherwise be applied a billion times to one value."""
    definitions = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(30)} | {"a30": {}}
    faults = faults_of({"$ref": "#/$defs/a0", "$defs": definitions})
    assert [fault.message for fault in faults] == [f"applies more than {APPLICATIONS_LIMIT} schemas to one value"]


GOOD: list[Any] = [
    {},
    PERSON,
    {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/x", "title": "x"},
    {"properties": {"kids": {"items": {"$ref": "#"}}}},
    {"$ref": "#kid", "$defs": {"kid": {"$anchor": "kid", "properties": {"kid": {"$ref": "#kid"}}}}},
    {"$id": "https://example.com/a", "$ref": "b", "$defs": {"b": {"$id": "b", "type": "object"}}},
    {"$ref": "https://json-schema.org/draft/2020-12/schema"},
    {"enum": [{"$ref": "https://example.com"}], "default": {"pattern": "("}, "x-any": {"type": "objct"}},
    {"properties": {"$ref": {"type": "string"}, "pattern": {"type": "integer"}, "items": False}},
    {"definitions": {"a": {}}, "items": {"$ref": "#/definitions/a"}},
    {"properties": {"a": {}}, "unevaluatedProperties": False},
]


@pytest.mark.parametrize("schema", GOOD, ids=[str(index) for index in range(len(GOOD))])
def test_takes_a_good_schema(schema: dict[str, Any]) -> None:
    """What only looks like a reference or a keyword is let alone, and recursion into the parts of a value ends."""
    assert faults_of(schema) == []
    run_sync(checking({"schema": schema, "on_bad": "skip"}), iter([{"kids": [{"kids": []}], "kid": {"kid": {}}}]))


def test_fetches_nothing() -> None:
    """A reference to a server that would answer is refused without a request."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/schema.json"
        assert refused({"$ref": address}) == [("bad-schema", 'schema["$ref"]')]
        with pytest.raises(Exception, match="Unresolvable"):
            CheckedSchema({"$ref": address}).violations({}, most=1)
        server.shutdown()
    assert asked == []


def test_checks_hostile_patterns_in_linear_time() -> None:
    """A pattern that takes Python's engine for ever takes no time, wherever a schema may have one."""
    evil, text = "^(a+)+$", "a" * 5_000 + "!"
    schemas: list[dict[str, Any]] = [
        {"pattern": evil},
        {"patternProperties": {evil: False}, "additionalProperties": False},
        {"propertyNames": {"pattern": evil}},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "pattern": evil, "items": {"$ref": "#"}},
    ]
    for schema, item, good in zip(schemas, [text, {text: 1}, {text: 1}, [text]], [False] * 4, strict=True):
        assert faults_of(schema) == []
        assert (CheckedSchema(schema).violations(item, most=5) == []) is good


def test_says_what_to_install_when_the_library_is_missing() -> None:
    """The document is refused at the step that needs the extra; all other kinds work without it."""
    document = {"name": "x", "steps": [{"id": "a", "kind": "stream.validate", "params": {"schema": {}}}]}
    program = (
        "import sys; sys.modules['jsonschema'] = None; from headwater import Pipeline, ConfigError\n"
        f"try: Pipeline.load({document!r})\n"
        "except ConfigError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "$.steps[0].kind: a check of items by a JSON Schema needs an optional dependency" in done.stdout
    assert "pip install 'headwater[schema]'" in done.stdout


def test_params_are_compared_and_written_as_data() -> None:
    """A schema in params behaves like the data it is made of."""
    schema = JsonSchema({"type": "object"})
    assert (schema, hash(schema)) == (JsonSchema({"type": "object"}), hash(JsonSchema({"type": "object"})))
    assert repr(schema) == "JsonSchema({'type': 'object'})"
    again = validate.with_params(schema=schema)
    assert again.bound.params == {"schema": {"type": "object"}}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "ab", "b1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "ab", "b1"]), inner, max_size=3),
    max_leaves=6,
)
PATTERNS = st.sampled_from(["a", "^b", "b$", "[0-9]"])
SCHEMAS = st.recursive(
    st.booleans()
    | st.fixed_dictionaries({"type": st.sampled_from(["string", "object", "array", "integer"])})
    | st.fixed_dictionaries({"pattern": PATTERNS}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from(["a", "ab"]), inner, max_size=2),
            "patternProperties": st.dictionaries(PATTERNS, inner, max_size=2),
            "additionalProperties": inner,
            "items": inner,
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
        },
    ),
    max_leaves=6,
)


@given(SCHEMAS.filter(lambda schema: isinstance(schema, dict)), VALUES)
def test_agrees_with_the_library_on_every_schema_and_value(schema: Any, value: Any) -> None:
    """The own patterns and what depends on them change nothing where both understand them."""
    assert faults_of(schema) == []
    mine = CheckedSchema(schema).violations(value, most=100)
    assert bool(mine) is not jsonschema.Draft202012Validator(schema).is_valid(value)


def many(shape: str, count: int) -> dict[str, Any]:
    """Return a schema with a number of parts of one shape."""
    names = [f"p{number}" for number in range(count)]
    match shape:
        case "names of addresses":
            return {"properties": {name: {"$ref": f"https://example.com/{name}"} for name in names}}
        case "names of anchors":
            anchors = {name: {"$anchor": name} for name in names}
            return {"$defs": anchors, "properties": {name: {"$ref": f"#{name}"} for name in names}}
        case "crossed ids":
            parts = {name: {"$id": name, "items": {"$ref": names[-index]}} for index, name in enumerate(names)}
            return {"$id": "https://example.com/", "$defs": parts}
        case "dynamic anchors":
            return {"$defs": {name: {"$id": name, "$dynamicAnchor": "a", "$dynamicRef": "#b"} for name in names}}
        case "pointers to nothing":
            return {"properties": {name: {"$ref": f"#/$defs/{name}"} for name in names}}
        case "wrong values":
            return {"properties": {name: {"type": name} for name in names}}
        case "unknown keywords":
            return {"properties": {name: {name: 1} for name in names}}
        case "alternatives":
            return {"not": {"anyOf": [{"type": "string", "minLength": 1}] * count}}
        case _:
            return {"properties": {name: {"type": "string", "maxLength": 5} for name in names}}


SHAPES = (
    "names of addresses", "names of anchors", "crossed ids", "dynamic anchors", "pointers to nothing", "wrong values",
    "unknown keywords", "alternatives", "properties",
)  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_checks_a_schema_in_linear_work_whatever_it_has_many_of(shape: str) -> None:
    """Three times the parts take three times the calls, and none of them takes many."""
    faults_of(many(shape, 3))
    small, large = (calls(lambda size=size: faults_of(many(shape, size))) for size in (300, 900))
    assert large < 3.3 * small
    assert large < 900 * 500


def checking_all(schemas: list[Any]) -> str:
    """Return a document with a step for each schema."""
    steps = [{"id": f"s{n}", "kind": "stream.validate", "params": {"schema": one}} for n, one in enumerate(schemas)]
    return json.dumps({"name": "many", "steps": steps})


def test_checks_a_schema_once_when_it_occurs_in_many_steps() -> None:
    """The outcome is kept by what the schema says, whether it is good or not."""
    for schema in (PERSON, {"properties": {name: {"type": "x"} for name in "abc"}}):
        loaded = checking_all([schema] * 40), checking_all([schema | {"title": str(n)} for n in range(40)])
        same, different = (calls(lambda text=text: problems_of(text)) for text in loaded)
        assert same < different


def problems_of(text: str) -> tuple[Any, ...]:
    """Return the problems of a document, none when it loads."""
    try:
        Pipeline.loads(text)
    except ConfigError as error:
        return error.problems
    return ()


@pytest.mark.parametrize("shape", ["wrong values", "unknown keywords", "properties"])
def test_ends_with_one_error_when_the_schemas_of_a_document_are_too_large_together(shape: str) -> None:
    """Schemas are charged whether they are good or not, and nothing more is checked after the limit."""
    text = checking_all([many(shape, 600 + n) for n in range(110)])
    problems = problems_of(text)
    assert 0 < len(problems) <= 251
    good = [problem for problem in problems if problem.code not in {"bad-schema", "too-many-problems"}]
    assert good == []
    if shape == "properties":
        assert [problem.message for problem in problems] == ["the JSON Schemas of this document are too large together"]


def test_takes_a_large_schema() -> None:
    """What is within the limits of a document loads, and checks items."""
    pipeline = checking({"schema": many("properties", 20_000), "on_bad": "skip"})
    assert run_sync(pipeline, iter([{"p7": "x"}, {"p7": 1}])).output == [{"p7": "x"}]


def test_refuses_an_id_that_is_not_an_address() -> None:
    """It is a problem of the schema like any other, not an error from within the library."""
    assert refused({"$id": "https://example.com/", "items": {"$id": "http://["}}) == [("bad-schema", "schema")]


# ---- items that would take long

RECURSIVE: dict[str, Any] = {
    "$defs": {
        "node": {
            "anyOf": [
                {"properties": {"inner": {"$ref": "#/$defs/node"}}, "required": ["left"]},
                {"properties": {"inner": {"$ref": "#/$defs/node"}}, "required": ["right"]},
            ]
        }
    },
    "$ref": "#/$defs/node",
}


def nested(levels: int) -> Any:
    """Return an object in an object, and so on."""
    item: Any = {}
    for _ in range(levels):
        item = {"inner": item}
    return item


def test_ends_with_bounded_work_when_each_level_of_an_item_doubles_it() -> None:
    """The number of times that schemas are applied is limited, and so is that within the event loop."""
    checked = CheckedSchema(RECURSIVE)
    assert checked.violations(nested(3), 5, work=1_000)
    for work in (100, 5_000):
        with pytest.raises(TooMuchWorkError):
            checked.violations(nested(40), 5, work=work)
    with pytest.raises(TooMuchWorkError):
        checked.violations(nested(40), 5, stops=lambda: True)


async def test_is_a_bad_item_when_checking_it_takes_too_much_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted like any other, and the items after it are checked."""
    monkeypatch.setattr(validation, "_MOST_WORK", 3_000)
    result = await checking({"schema": RECURSIVE, "on_bad": "skip"}).run([nested(40), {"left": 1}])
    assert result.output == [{"left": 1}]
    assert result.footer == ValidationFooter(items=2, good=1, bad=1, first_bad=(1,))
    with pytest.raises(StepError, match="would apply schemas more than 3,000 times"):
        await checking({"schema": RECURSIVE}).run([nested(40)])


async def test_ends_in_time_when_an_item_takes_long() -> None:
    """The event loop goes on meanwhile, so the time limit holds, and the check is ended."""
    document = json.loads(checking({"schema": RECURSIVE}).to_json()) | {"timeout": {"total_s": 0.2}}
    with pytest.raises(ExecutionTimeoutError):
        await Pipeline.load(document).run([nested(40)])


@pytest.mark.parametrize(
    ("schema", "item"),
    [
        ({"enum": [{"n": number} for number in range(10_000)]}, "x"),
        ({"const": list(range(50_000))}, [1]),
        ({"properties": {f"p{number}": True for number in range(10_000)}}, {}),
        ({"required": [f"p{number}" for number in range(10_000)]}, {}),
        ({"items": {"type": "integer"}}, list(range(50_000))),
    ],
    ids=["enum", "const", "properties", "required", "items"],
)
def test_charges_a_keyword_for_what_it_compares(schema: dict[str, Any], item: Any) -> None:
    """One keyword with many values, or for a long list, is not checked in the event loop, but is checked."""
    checked = CheckedSchema(schema)
    with pytest.raises(TooMuchWorkError):
        checked.violations(item, 1, work=1_000)
    checked.violations(item, 1)


@pytest.mark.parametrize(
    ("item", "large"),
    [
        ("x" * 100_000, False),
        (10**4_000, False),
        (None, False),
        ({"n": 1}, False),
        (list(range(20_000)), True),
        ({"n": {str(number): [] for number in range(2_000)}}, True),
        ({1, 2}, False),
        (object(), False),
        (Person(name="x" * 10_000), True),
    ],
)
def test_knows_the_items_that_are_too_large_for_the_event_loop(item: Any, large: bool) -> None:
    """Each of their members takes work, however simple the schema is."""
    assert is_large(item) is large


def test_checks_a_large_item_beside_the_event_loop() -> None:
    """What is found is the same."""
    schema = {"items": {"type": "integer"}}
    result = run_sync(checking({"schema": schema, "on_bad": "skip"}), iter([[1] * 5_000, [1] * 5_000 + ["x"], [2]]))
    assert [len(item) for item in result.output] == [5_000, 1]


def test_takes_linear_work_when_items_have_to_be_unique() -> None:
    """Comparing each of 4,000 objects with all others would take a thousand times the work."""
    objects = [{"n": number * (2**61 - 1), "of": [number, "x"]} for number in range(4_000)]
    units, found = effort(lambda: CheckedSchema({"uniqueItems": True}).violations(objects, 5), limit=50)
    assert found == []
    assert units < 50


@pytest.mark.parametrize(
    ("items", "is_unique"),
    [
        ([1, 1.0], False),
        ([1, True, "1", "True", None, "None", [1], {"a": 1}], True),
        ([0, False, 0.5], True),
        ([0.0, -0.0], False),
        ([{"a": [1], "b": 2}, {"b": 2.0, "a": [1.0]}], False),
        ([[], {}, [[]], [{}]], True),
    ],
)
def test_compares_items_as_json_when_they_have_to_be_unique(items: list[Any], is_unique: bool) -> None:
    """Numbers are equal by value, and never to booleans or strings."""
    assert (CheckedSchema({"uniqueItems": True}).violations(items, 5) == []) is is_unique


@pytest.mark.parametrize(
    ("number", "factor", "fits"),
    [
        (0.3, 0.1, True),
        (0.35, 0.1, False),
        (1e308, 0.5, True),
        ("2**20000", 0.5, True),
        ("2**20000", 7, False),
        (7, 3.5, True),
    ],
)
def test_finds_multiples_exactly(number: Any, factor: Any, fits: bool) -> None:
    """Numbers are decimal, and may have any number of digits, which are never an error of the check."""
    number = 1 << 20_000 if number == "2**20000" else number  # which pytest cannot show
    assert (CheckedSchema({"multipleOf": factor}).violations(number, 5) == []) is fits


def test_is_a_violation_when_a_number_has_too_many_digits_to_be_shown() -> None:
    """Also where the message of the violation is what fails."""
    assert len(CheckedSchema({"maximum": 3}).violations(10**5_000, 5)) == 1
