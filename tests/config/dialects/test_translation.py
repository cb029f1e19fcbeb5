# ruff: noqa: E501 - tables of documents
"""Documents of another engine become documents that check, or are refused with the place and the reason."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.config.dialects.placeholders import steps_module
from headwater.config.dialects.translation import Translated, translated
from headwater.config.notation.reading import read_source, read_text
from headwater.errors import ConfigError, Problem
from tests.config.dialects.flows import CHOICE, LOOP, PEOPLE, RIVER, Document, with_condition, with_step


def translation(document: Document) -> Translated:
    """Translate a document that was read as text, so that it has positions."""
    return translated(read_text(json.dumps(document, indent=1)))


def refused(document: Document) -> tuple[Problem, ...]:
    """Return the problems of a document that cannot be translated."""
    with pytest.raises(ConfigError) as caught:
        translation(document)
    return caught.value.problems


def only_when(condition: Any) -> Any:
    """Return what the condition of a path becomes."""
    (edge,) = translation(with_condition(condition)).document["edges"]
    return None if isinstance(edge, str) else edge["when"]


@pytest.mark.parametrize("document", [RIVER, LOOP, CHOICE, PEOPLE])
def test_generated_module_is_python(document: Document) -> None:
    """It can be compiled, and has one step for each kind."""
    made = translation(document)
    code = steps_module('Steps of "it".', made.placeholders)
    compile(code, "steps.py", "exec")
    assert code.count("@step(") == len(made.placeholders) == len({one.kind for one in made.placeholders})


def test_inputs_become_ports_and_params_in_both_spellings() -> None:
    """Sources that are steps are edges, sources that are parameters are params, for lists as for objects."""
    made = translation(RIVER)
    steps = {step["id"]: step for step in made.document["steps"]}
    assert steps["cut"]["params"] == {"readings": "${parameters.readings}", "parts": 3}
    assert steps["station_2"]["kind"] == steps["station_3"]["kind"] == "imported.station"
    assert steps["station_2"]["params"] == {"number": 2, "fields": {"parts": "parts"}}
    assert made.document["edges"][-3:] == [f"station_{n} -> merge.checked_{n}" for n in (1, 2, 3)]
    assert made.document["parameters"] == {"readings": {"type": "array", "description": "What to check"}}
    merge = next(one for one in made.placeholders if one.kind == "imported.merge")
    assert (merge.ports, [*merge.outputs]) == (("checked_1", "checked_2", "checked_3"), ["merged"])


def test_path_that_leads_back_becomes_a_loop() -> None:
    """The steps of the loop are a pipeline of their own; what reads them reads the record of the loop."""
    document = translation(LOOP).document
    steps = {step["id"]: step for step in document["steps"]}
    loop = steps["write_loop"]["params"]
    assert loop["until"] == {"not": {"field": "review.good", "eq": False}}
    assert (loop["max_iterations"], loop["parameters"]) == (7, {"topic": "${parameters.topic}"})
    inner = {step["id"]: step for step in loop["pipeline"]["steps"]}
    assert inner["write"]["params"]["fields"] == {"notes": "review.notes"}
    assert loop["pipeline"]["edges"][0] == "input -> write.notes"
    assert steps["print"]["params"]["fields"] == {"text": "write.text", "good": "review.good"}
    assert document["edges"][-1]["when"] == {"field": "review.good", "eq": True}


def test_alternatives_of_an_input_merge() -> None:
    """The first that is there is taken."""
    made = translation(CHOICE)
    log = made.document["steps"][-1]
    assert (log["merge"], log["params"]) == ("first", {"fields": {"done": "done"}})
    assert made.document["edges"][0]["when"] == {"field": "height", "ge": "${parameters.level}"}


def test_policies_become_keys_of_the_step() -> None:
    """How often, how long, and what an error means."""
    steps = {step["id"]: step for step in translation(PEOPLE).document["steps"]}
    assert steps["send"]["retry"] == {"attempts": 3, "backoff_s": 2, "on": ["Exception"]}
    assert steps["send"]["timeout"] == {"total_s": 30}
    assert steps["ask"]["params"] == {"timeout_seconds": 300, "ui_schema": {"type": "approval"}}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"retry": 2}, {"retry": {"attempts": 3, "on": ["Exception"]}}),
        (
            {"retry": {"max_retries": 2, "backoff_factor": 3}},
            {"retry": {"attempts": 3, "factor": 3, "on": ["Exception"]}},
        ),
        (
            {"retry": {"attempts": 2, "delay_ms": 500}},
            {"retry": {"attempts": 2, "backoff_s": 0.5, "on": ["Exception"]}},
        ),
        ({"retry_policy": {"attempts": 2, "retry_on": ["OSError"]}}, {"retry": {"attempts": 2, "on": ["OSError"]}}),
        ({"retry": False}, {}),
        ({"timeout_seconds": 2.5}, {"timeout": {"total_s": 2.5}}),
        ({"timeout": {"seconds": 3}}, {"timeout": {"total_s": 3}}),
        ({"on_error": "continue"}, {"on_error": "skip_item"}),
        ({"on_error": "stop"}, {}),
        (
            {"error_handling": {"strategy": "retry", "max_attempts": 4}},
            {"retry": {"attempts": 4, "on": ["Exception"]}},
        ),
        ({"error_handling": {"strategy": "skip"}}, {"on_error": "skip_item"}),
        (
            {"retry": {"attempts": 2, "strategy": "fixed", "jitter": False}},
            {"retry": {"factor": 1, "attempts": 2, "jitter": 0, "on": ["Exception"]}},
        ),
    ],
)
def test_policy_is_translated_in_every_form(keys: dict[str, Any], expected: dict[str, Any]) -> None:
    """The forms differ by version of the engine."""
    step = translation(with_step(**keys)).document["steps"][1]
    assert {key: step[key] for key in ("retry", "timeout", "on_error") if key in step} == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (None, None),
        ("always", None),
        ({"type": "always"}, None),
        ({"type": "expression", "config": {"source": "result.ok", "operator": "equals", "value": True}}, {"field": "ok", "eq": True}),
        ({"type": "expression", "config": {"source": "a.ok", "operator": "==", "value": 1}}, {"field": "ok", "eq": 1}),
        ({"type": "expression", "config": {"source": "steps.a.output.ok", "operator": "!=", "value": 1}}, {"field": "ok", "ne": 1}),
        ({"type": "threshold_condition", "config": {"field": "n", "operator": ">=", "value": "{{ parameters.limit }}"}}, {"field": "n", "ge": "${parameters.limit}"}),
        ({"type": "threshold", "config": {"field": "n", "operator": "less_than", "threshold": 2}}, {"field": "n", "lt": 2}),
        ({"type": "field_equals", "config": {"field": "x.y", "value": "z"}}, {"field": "x.y", "eq": "z"}),
        ({"type": "field_contains", "field": "tags", "value": "new"}, {"field": "tags", "contains": "new"}),
        ({"type": "field_exists", "field": "tags"}, {"field": "tags", "exists": True}),
        ({"field": "n", "operator": "gt", "value": 0}, {"field": "n", "gt": 0}),
        ({"field": "n", "operator": "is_empty"}, {"field": "n", "length_at_most": 0}),
        ({"field": "n", "operator": "not_contains", "value": "x"}, {"not": {"field": "n", "contains": "x"}}),
        ({"type": "and", "conditions": [{"field": "n", "operator": ">", "value": 0}, {"type": "always"}]}, {"all": [{"field": "n", "gt": 0}]}),
        ({"type": "or", "config": {"conditions": ["n > 0", "m == 'x'"]}}, {"any": [{"field": "n", "gt": 0}, {"field": "m", "eq": "x"}]}),
        ({"type": "not", "condition": {"field": "n", "operator": "in", "value": [1]}}, {"not": {"field": "n", "in": [1]}}),
        ({"type": "composite", "config": {"operator": "or", "conditions": ["n > 0"]}}, {"any": [{"field": "n", "gt": 0}]}),
        ("n >= 0.5", {"field": "n", "ge": 0.5}),
        ("result.ok == true", {"field": "ok", "eq": True}),
        ({"type": "expression", "config": {"expression": "n != 3"}}, {"field": "n", "ne": 3}),
    ],
)  # fmt: skip
def test_condition_is_translated_in_every_form(condition: Any, expected: Any) -> None:
    """A condition becomes data on the edge."""
    assert only_when(condition) == expected


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ({"type": "function", "config": {"module": "m", "function": "f"}}, "conditions of the type 'function' have no counterpart"),
        ({"type": "ai_decision", "config": {"field": "x", "operator": "equals", "value": 1}}, "'ai_decision' have no counterpart"),
        ({"field": "n", "operator": "resembles", "value": 1}, "the operator 'resembles' is not known"),
        ({"field": "n", "operator": "gt"}, "needs 'value'"),
        ({"operator": "gt", "value": 1}, "needs 'field'"),
        ("__import__('os').system('true')", "code is not run"),
        ("n > m", "is not a number, a string"),
        ({"field": "b.x", "operator": "gt", "value": 1}, "about the output of step 'b', but the path starts at step 'a'"),
        ({"field": "parameters.limit", "operator": "gt", "value": 1}, "a condition on what flows along it"),
        (7, "expected an object"),
        ({"type": "not", "condition": {"type": "always"}}, "'not' needs one condition"),
        ({"field": "n", "operator": "gt", "value": 1, "tolerance": 2}, "its key 'tolerance' has no counterpart"),
        ({"type": "threshold", "config": {"field": "n", "operator": "gt", "value": 1, "tolerance": 2}}, "its key 'tolerance'"),
        ({"type": "threshold", "tolerance": 2, "config": {"field": "n", "operator": "gt", "value": 1}}, "its key 'tolerance'"),
        ({"type": "and", "conditions": ["n > 0"], "short": True}, "its key 'short'"),
        ({"field": "n", "operator": "is_empty", "value": 1}, "its key 'value'"),
        ({"type": "always", "config": {"unless": 1}}, "its key 'unless'"),
    ],
)  # fmt: skip
def test_condition_without_counterpart_is_refused_with_its_place(condition: Any, reason: str) -> None:
    """It is never taken for one that holds, or for one that does not."""
    (problem,) = refused(with_condition(condition))
    assert reason in problem.message
    assert problem.path == "$.flow.paths[0].condition"
    assert problem.line is not None
    assert problem.code == "cannot-import"


@pytest.mark.parametrize(
    ("keys", "step", "edge"),
    [
        ({"inputs": {"x": "{{ a.value }}"}}, {"fields": {"x": "value"}}, "a -> b.x"),
        ({"inputs": {"x": "{{ steps.a.output.value.deep }}"}}, {"fields": {"x": "value.deep"}}, "a -> b.x"),
        ({"inputs": {"x": "{a.value}"}}, {"fields": {"x": "value"}}, "a -> b.x"),
        ({"inputs": {"x": {"source": "steps.a.value"}}}, {"fields": {"x": "value"}}, "a -> b.x"),
        ({"inputs": [{"name": "x", "source": "a.output"}]}, {}, "a -> b.x"),
        ({"inputs": ["x"]}, {"fields": {"x": "x"}}, "a -> b.x"),
        ({"input_mapping": {"x": "{{a.x}}"}}, {"fields": {"x": "x"}}, "a -> b.x"),
        ({"inputs": {"x": 7, "y": "{{ parameters.limit }}"}}, {"x": 7, "y": "${parameters.limit}"}, "a -> b.after"),
        ({"config": {"x": "{{ a.x }}", "y": "at {{ parameters.limit }}"}}, {"y": "at ${parameters.limit}", "fields": {"x": "x"}}, "a -> b.x"),
        ({"config": {"prompt": "Hello {name}, {{ env.HOME }}, ${x}"}}, {"prompt": "Hello {name}, ${env.HOME}, $${x}"}, "a -> b.data"),
        ({"config": {"key": "{{ secrets.TOKEN }}"}}, {"key": "${secret.TOKEN}"}, "a -> b.data"),
        ({"config": {"class": 1, "my-key": 2}}, {"class_": 1, "my_key": 2}, "a -> b.data"),
    ],
)  # fmt: skip
def test_input_is_translated_in_every_form(keys: dict[str, Any], step: dict[str, Any], edge: str) -> None:
    """From a step, a parameter, or the document itself."""
    made = translation(with_step(**keys)).document
    assert made["steps"][1].get("params", {}) == step
    assert made["edges"] == [edge]


def test_step_without_inputs_gets_what_the_steps_before_have_made() -> None:
    """All of them, by a port each; one where each of them may be skipped."""
    document = copy.deepcopy(RIVER)
    del document["steps"][-1]["inputs"]
    assert translation(document).document["edges"][-3:] == [f"station_{n} -> merge.station_{n}" for n in (1, 2, 3)]
    choice = copy.deepcopy(CHOICE)
    del choice["steps"][-1]["inputs"]
    made = translation(choice).document
    assert made["steps"][-1]["merge"] == "interleave"
    assert made["edges"][-2:] == ["open -> log.data", "shut -> log.data"]


def changed(document: Document, *path: str | int, to: Any) -> Document:
    """Return a document with another value at a place; without it for None."""
    result: Any = copy.deepcopy(document)
    part = result
    for key in path[:-1]:
        part = part[key]
    if to is None:
        del part[path[-1]]
    else:
        part[path[-1]] = to
    return result  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("document", "path", "reason"),
    [
        ({"name": "x", "steps": [{"id": "a", "kind": "text.words"}]}, "", "found a document of Headwater"),
        ({"name": "x"}, "", "found something else"),
        (changed(RIVER, "steps", 0, "step_class", to=None), "$.steps[0]", "a step needs 'class'"),
        (changed(RIVER, "steps", 1, "step_class", to=7), "$.steps[1].step_class", "needs 'class' as a string"),
        (changed(RIVER, "steps", 1, "id", to="cut"), "$.steps[1]", "two steps have the id 'cut'"),
        (changed(RIVER, "steps", 1, "plugin", to={}), "$.steps[1].plugin", "the key 'plugin' of a step has no counterpart"),
        (changed(RIVER, "engine", to="x"), "$.engine", "the key 'engine' of the document has no counterpart"),
        (changed(RIVER, "flow", "mode", to="x"), "$.flow.mode", "the key 'mode' of the flow has no counterpart"),
        (changed(RIVER, "flow", "start_at", to="nowhere"), "$.flow.start_at", "starts at 'nowhere'"),
        (changed(RIVER, "flow", "paths", 0, "to", to="nowhere"), "$.flow.paths[0].to", "there is no step 'nowhere'"),
        (changed(RIVER, "flow", "paths", 0, "weight", to=1), "$.flow.paths[0].weight", "the key 'weight' of a path"),
        (changed(RIVER, "flow", "paths", to=7), "$.flow.paths", "expected a list of paths"),
        (changed(RIVER, "flow", "paths", 0, to=None), "$.steps[1].inputs[0].source", "no path leads from there to step 'station_1'"),
        (changed(PEOPLE, "flow", "paths", 0, to=None), "$.steps[1]", "no path leads from 'draft' to step 'ask'"),
        (changed(RIVER, "steps", 0, "inputs", 0, "source", to="{steps.x.output.y}"), "$.steps[0].inputs[0].source", "there is no such step"),
        (changed(RIVER, "steps", 0, "config", "x", to="at {{ station_1.y }}"), "$.steps[0].config.x", "make it an input of the step"),
        (changed(RIVER, "steps", 0, "config", "x", to="{{ now() }}"), "$.steps[0].config.x", "is not a parameter, a step or an input"),
        (changed(RIVER, "steps", 0, "inputs", to=7), "$.steps[0].inputs", "expected a list of inputs"),
        (changed(RIVER, "steps", 0, "config", to=[1]), "$.steps[0].config", "expected an object of options"),
        (changed(RIVER, "parameters", to=7), "$.parameters", "expected a list of parameters"),
        (changed(RIVER, "parameters", to=[]), "$.steps[0].inputs[0].source", "there is no parameter 'readings'"),
        (changed(RIVER, "parameters", 0, "name", to="a b"), "$.parameters", "the parameter 'a b' needs a name"),
        (changed(PEOPLE, "steps", 3, "id", to="-x"), "$.steps[3]", "the id '-x' of a step must be a name"),
        (changed(RIVER, "steps", 1, "inputs", 0, "source", to="{merge.x}"), "$.steps[1].inputs[0].source", "no path leads from there to step 'station_1'"),
        (changed(LOOP, "flow", "paths", 1, "condition", to=None), "$.flow.paths[1]", "the loop would never end"),
        (changed(LOOP, "flow", "start_at", to="print"), "$.flow.paths[0]", "a loop that is entered at"),
        (with_step(retry="often"), "$.steps[1].retry", "expected how often"),
        (with_step(retry={"policy": 1}), "$.steps[1].retry.policy", "the key 'policy' of a retry"),
        (with_step(timeout="1h"), "$.steps[1].timeout", "expected a number of seconds"),
        (with_step(on_error="panic"), "$.steps[1].on_error", "has no counterpart for errors"),
        (with_step(parallel=True), "$.steps[1].parallel", "the key 'parallel' of a step"),
        (with_step(enabled=False), "$.steps[1].enabled", "the key 'enabled' of a step"),
        (with_step(timeout={"seconds": 1, "grace": 2}), "$.steps[1].timeout.grace", "the key 'grace' of a timeout"),
        (with_step(timeout=1, timeout_seconds=2), "$.steps[1].timeout_seconds", "another timeout already"),
        (with_step(retry={"strategy": "random"}), "$.steps[1].retry.strategy", "known are fixed, constant, exponential"),
        (with_step(outputs={"y": "{{ a.x }}"}), "$.steps[1].outputs.y", "cannot be made of a reference"),
        (with_step(outputs=[{"name": "y", "from": "x"}]), "$.steps[1].outputs[0].from", "the key 'from' of an output"),
        (with_step(inputs=[{"name": "x", "source": "a.x"}, {"name": "x", "source": "a.y"}]), "$.steps[1].inputs[1]", "two inputs have the name 'x'"),
        (with_step(inputs={"x": {"source": "a.x", "transform": "upper"}}), "$.steps[1].inputs.x.transform", "the key 'transform' of an input"),
        (with_step(inputs=[{"name": "x", "source": "{aa.x}"}]), "$.steps[1].inputs[0].source", "'{aa.x}' is not a parameter, a step or an input"),
        (changed(RIVER, "steps", 0, "inputs", 0, "transform", to="x"), "$.steps[0].inputs[0].transform", "the key 'transform' of an input"),
        (changed(RIVER, "steps", 0, "inputs", 0, "default", to=[]), "$.steps[0].inputs[0].default", "the key 'default' of an input"),
        (changed(RIVER, "steps", 0, "inputs", 0, "required", to="no"), "$.steps[0].inputs[0].required", "expected true or false"),
        (changed(RIVER, "flow", "paths", 0, "priority", to=1), "$.flow.paths[0].priority", "the key 'priority' of a path"),
        (changed(PEOPLE, "flow", "paths", 3, "to", to="end_with_failure"), "$.flow.paths[3].to", "there is no step 'end_with_failure'"),
        (changed(RIVER, "start_at", to="cut"), "$.start_at", "the key 'start_at' of the document"),
        (changed(RIVER, "inputs", to={}), "$.inputs", "the key 'inputs' of the document"),
        (changed(LOOP, "flow", "loop_config", "bogus", to=1), "$.flow.loop_config.bogus", "the key 'bogus' of the limits of a loop"),
        (changed(LOOP, "flow", "loop_config", "max_loops", to=1), "$.flow.loop_config.max_loops", "the key 'max_loops'"),
        (changed(LOOP, "flow", "loop_config", "delay", to="long"), "$.flow.loop_config.delay", "expected a number, or a reference to a parameter"),
        (changed(LOOP, "flow", "loop_config", "delay", to="{{ parameters.dely }}"), "$.flow.loop_config.delay", "there is no parameter 'dely'"),
        (changed(LOOP, "flow", "loop_config", to=7), "$.flow.loop_config", "expected an object with 'max_iterations'"),
        (changed(RIVER, "loop_config", to={"max_iterations": 2}), "$.loop_config", "no path leads back"),
        (changed(RIVER, "outputs", to={"y": "{{ nope.x }}"}), "$.outputs.y", "the output 'y' cannot be translated: 'nope.x' is not a parameter"),
        (changed(RIVER, "outputs", to={"y": "{nope.x}"}), "$.outputs.y", "'{nope.x}' is not a parameter, a step or an input"),
        (changed(RIVER, "outputs", to={"y": "{{ merge.x }}"}), "$.outputs.y", "step 'merge' has no output 'x'"),
        (changed(RIVER, "outputs", to=["y"]), "$.outputs[0]", "the output 'y' needs its source"),
        (changed(RIVER, "parameters", 0, "requird", to=True), "$.parameters[0].requird", "the key 'requird' of a parameter"),
        (changed(RIVER, "parameters", 0, "required", to=False), "$.parameters[0].required", "needs a 'default'"),
        (changed(RIVER, "parameters", 0, "schema", "minItems", to=1), "$.parameters[0].schema.minItems", "the key 'minItems' of a schema"),
        (changed(RIVER, "parameters", 0, "schema", "type", to="strng"), "$.parameters[0].schema.type", "'strng' is not a type of parameters"),
        (changed(RIVER, "parameters", 0, "schema", to="array"), "$.parameters[0].schema", "expected an object with 'type'"),
        (changed(RIVER, "parameters", 0, "type", to="string"), "$.parameters[0].type", "differs from the one in 'schema'"),
        (changed(RIVER, "parameters", to=[{"name": "readings"}, "readings"]), "$.parameters[1]", "two parameters have the name 'readings'"),
    ],
)  # fmt: skip
def test_broken_document_is_refused_with_the_place(document: Document, path: str, reason: str) -> None:
    """Nothing is left out in silence."""
    problems = refused(document)
    assert any(problem.path in {path, path or "$"} and reason in problem.message for problem in problems), problems
    assert {problem.code for problem in problems} == {"cannot-import"}


@pytest.mark.parametrize(
    ("document", "path", "message", "hint"),
    [
        (changed(RIVER, "flow", "start_at", to="cutt"), "$.flow.start_at", "starts at 'cutt'", "did you mean 'cut'?"),
        (changed(LOOP, "flow", "start_at", to="writ"), "$.flow.start_at", "starts at 'writ'", "did you mean 'write'?"),
        (
            changed(RIVER, "steps", 1, "inputs", 0, "source", to="{steps.cut.output.prts}"),
            "$.steps[1].inputs[0].source", "step 'cut' has no output 'prts'", "did you mean 'parts'?",
        ),
        (
            changed(CHOICE, "flow", "paths", 0, "condition", "config", "field", to="heigt"),
            "$.flow.paths[0].condition", "step 'measure' has no output 'heigt'", "did you mean 'height'?",
        ),
    ],
)  # fmt: skip
def test_misspelled_name_is_one_problem_with_the_name_that_was_meant(
    document: Document, path: str, message: str, hint: str
) -> None:
    """Its consequences are not problems of their own."""
    (problem,) = refused(document)
    assert (problem.path, problem.hint) == (path, hint)
    assert message in problem.message


def test_limits_of_a_loop_become_its_params() -> None:
    """All of them have a counterpart; a reference to a parameter is a template."""
    limits = {"max_iterations": "{{ parameters.limit }}", "max_loop_time_seconds": 300, "iteration_delay_seconds": 1}
    document = translation(changed(LOOP, "flow", "loop_config", to=limits)).document
    params = document["steps"][0]["params"]
    assert (params["max_iterations"], params["max_time_s"], params["delay_s"]) == ("${parameters.limit}", 300, 1)


def test_outputs_of_the_document_become_a_step_that_gathers_them() -> None:
    """It is the output of the pipeline, and needs none of its ports: some steps may not have run."""
    outputs = {"end": "{{ print.printed }}", "last": "{{ write.text }}", "about": "{{ parameters.topic }}"}
    made = translation(changed(LOOP, "outputs", to=outputs))
    step = made.document["steps"][-1]
    assert made.document["output"] == step["id"] == "outputs"
    assert step["params"] == {"about": "${parameters.topic}", "fields": {"end": "printed", "last": "write.text"}}
    assert made.document["edges"][-2:] == ["print -> outputs.end", "write_loop -> outputs.last"]
    gather = next(one for one in made.placeholders if one.kind == "imported.outputs")
    assert gather.optional == {"end", "last"}
    compile(steps_module("it", made.placeholders), "steps.py", "exec")


def test_input_that_is_not_required_is_an_optional_port() -> None:
    """The step runs without it."""
    document = changed(RIVER, "steps", 4, "inputs", 0, "required", to=False)
    merge = next(one for one in translation(document).placeholders if one.kind == "imported.merge")
    assert merge.optional == {"checked_1"}


def test_value_of_a_parameter_is_its_default() -> None:
    """In an object by name, a value that is not the name of a type."""
    parameters = {"topic": "rivers", "limit": {"type": "int", "minimum": 1, "default": 2}, "kind": "string"}
    made = translation(changed(LOOP, "parameters", to=parameters)).document["parameters"]
    assert made["topic"] == {"type": "string", "default": "rivers"}
    assert made["limit"] == {"type": "integer", "default": 2, "minimum": 1}
    assert made["kind"] == {"type": "string"}


def objects(part: Any, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    """Yield the paths of all objects of a document."""
    if isinstance(part, dict):
        yield path
    items = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, inner in items:
        yield from objects(inner, *path, key)


def is_open(path: tuple[str | int, ...]) -> bool:
    """Return whether keys of an object are names, or options of a class, which are all read."""
    inside = path[2:] if path[:1] == ("steps",) else ()
    named = path == ("parameters",) or inside == ("inputs",)
    return named or inside[:1] == ("config",) or (inside[:1] == ("outputs",) and path[-1] == "schema")


@pytest.mark.parametrize("document", [RIVER, LOOP, CHOICE, PEOPLE], ids=["river", "loop", "choice", "people"])
def test_unknown_key_is_refused_in_every_object(document: Document) -> None:
    """Each of them is read by one part of the translation, which knows its keys."""
    paths = [path for path in objects(document) if not is_open(path)]
    assert len(paths) > 7
    for path in paths:
        problems = refused(changed(document, *path, "zzz", to=1))
        found = [problem for problem in problems if "zzz" in f"{problem.message} {problem.path}"]
        assert found, path


def test_every_problem_is_listed_at_once() -> None:
    """As for a document of Headwater."""
    document = changed(changed(RIVER, "engine", to="x"), "steps", 0, "config", "x", to="{{ now() }}")
    assert len(refused(document)) == 2


def test_file_that_is_not_json_is_refused_as_ever(tmp_path: Path) -> None:
    """The reader is that of all documents."""
    (tmp_path / "old.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError):
        translated(read_source(tmp_path / "old.json"))
