# ruff: noqa: E501 - tables of documents
"""Documents of another engine, written for these tests, in the spellings that occur."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

RIVER: Document = {
    "name": "Gauge readings",
    "description": "Splits readings, checks them at three stations at once, and merges them",
    "version": "2.1",
    "parameters": [{"name": "readings", "schema": {"type": "array"}, "required": True, "description": "What to check"}],
    "steps": [
        {
            "id": "cut",
            "name": "Cut into parts",
            "step_class": "CutStep",
            "module": "gauges.steps.cut",
            "config": {"parts": 3},
            "inputs": [{"name": "readings", "source": "{parameters.readings}", "required": True}],
            "outputs": [{"name": "parts", "schema": {"type": "array"}}, {"name": "count"}],
        },
        *(
            {
                "id": f"station_{number}",
                "step_class": "StationStep",
                "module": "gauges.steps.station",
                "config": {"number": number},
                "inputs": [{"name": "parts", "source": "{steps.cut.output.parts}"}],
                "outputs": [{"name": "checked"}],
            }
            for number in (1, 2, 3)
        ),
        {
            "id": "merge",
            "step_class": "MergeStep",
            "inputs": [
                {"name": f"checked_{number}", "source": f"{{steps.station_{number}.output.checked}}"}
                for number in (1, 2, 3)
            ],
            "outputs": [{"name": "merged"}],
        },
    ],
    "flow": {
        "start_at": "cut",
        "paths": [
            *({"from": "cut", "to": f"station_{n}", "condition": {"type": "always"}} for n in (1, 2, 3)),
            *({"from_step": f"station_{n}", "to_step": "merge"} for n in (1, 2, 3)),
        ],
    },
}

LOOP: Document = {
    "name": "Polish",
    "parameters": {"topic": {"type": "string"}, "limit": {"type": "integer", "default": 4}},
    "steps": {
        "write": {"class": "Write", "inputs": {"topic": "{{ parameters.topic }}", "notes": "{{ review.notes }}"}},
        "review": {"class": "Review", "inputs": {"text": "{{ write.text }}"}, "outputs": ["good", "notes"]},
        "print": {"class": "Print", "inputs": {"text": "{{ write.text }}", "good": "{{review.good}}"}},
    },
    "flow": {
        "start_at": "write",
        "paths": [
            {"from": "write", "to": "review"},
            {"from": "review", "to": "write", "condition": {"type": "expression", "config": {
                "source": "review.good", "operator": "equals", "value": False}}},
            {"from": "review", "to": "print", "condition": {"type": "expression", "config": {
                "source": "result.good", "operator": "equals", "value": True}}},
        ],
        "loop_config": {"max_iterations": 7},
    },
}  # fmt: skip

CHOICE: Document = {
    "name": "Sluice",
    "parameters": [{"name": "level", "schema": {"type": "number"}, "required": True}],
    "steps": [
        {"id": "measure", "step_class": "MeasureStep", "inputs": [], "outputs": [{"name": "height"}]},
        {"id": "open", "step_class": "OpenStep", "inputs": [{"name": "height", "source": "{steps.measure.output.height}"}]},
        {"id": "shut", "step_class": "ShutStep", "inputs": [{"name": "height", "source": "{steps.measure.output.height}"}]},
        {"id": "log", "step_class": "LogStep", "inputs": [
            {"name": "done", "source": "{steps.open.output.done}|{steps.shut.output.done}"}]},
    ],
    "flow": {
        "start_at": "measure",
        "paths": [
            {"from_step": "measure", "to_step": "open", "condition": {"type": "threshold_condition", "config": {
                "field": "height", "operator": ">=", "value": "{{ parameters.level }}"}}},
            {"from_step": "measure", "to_step": "shut", "condition": {"type": "threshold_condition", "config": {
                "field": "height", "operator": "<", "value": "{{ parameters.level }}"}}},
            {"from_step": "open", "to_step": "log"},
            {"from_step": "shut", "to_step": "log"},
        ],
    },
}  # fmt: skip

PEOPLE: Document = {
    "name": "Ask a person",
    "steps": [
        {"id": "draft", "class": "Draft", "config": {"tone": "calm"}},
        {
            "id": "ask",
            "class": "HumanReviewStep",
            "config": {"timeout_seconds": 300, "ui_schema": {"type": "approval"}},
        },
        {"id": "send", "class": "Send", "retry": {"max_attempts": 3, "delay": 2}, "timeout": 30},
        {"id": "drop", "class": "Drop"},
    ],
    "flow": {
        "start_at": "draft",
        "paths": [
            {"from": "draft", "to": "ask"},
            {"from": "ask", "to": "send", "condition": {"type": "field_equals", "field": "answer", "value": "yes"}},
            {"from": "ask", "to": "drop", "condition": "answer == 'no'"},
            {"from": "send", "to": "end_with_success"},
        ],
    },
}


def with_condition(condition: Any) -> Document:
    """Return a document with one conditional path."""
    path = {"from": "a", "to": "b", "condition": condition}
    return {
        "name": "two",
        "parameters": [{"name": "limit", "schema": {"type": "number"}, "default": 3}],
        "steps": [{"id": "a", "step_class": "A"}, {"id": "b", "step_class": "B"}],
        "flow": {"start_at": "a", "paths": [path]},
    }


def with_step(**keys: Any) -> Document:
    """Return a document whose second step has some keys."""
    return {
        "name": "two",
        "parameters": [{"name": "limit", "schema": {"type": "number"}, "default": 3}],
        "steps": [{"id": "a", "step_class": "A"}, {"id": "b", "step_class": "B", **keys}],
        "flow": {"start_at": "a", "paths": [{"from": "a", "to": "b"}]},
    }
