"""A plain interpreter of recipes: one step after the other, with lists, to compare the engine with."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from tests.dags.kinds import LIMIT, changed, is_bad, spread_of
from tests.dags.recipes import MAPPED, REPLAYED, SOURCES, SPREADING, THROUGH, Node, Recipe

__all__ = ["Outcome", "interpret"]

_MAPPED = (*MAPPED, "dags.process")


@dataclass
class Outcome:
    """What a node writes: all of it, or what comes before it breaks."""

    items: list[int] = field(default_factory=list[int])
    letters: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    is_value: bool = False
    is_absent: bool = False  # a value that does not come
    is_broken: bool = False
    is_ordered: bool = True
    failed: bool = False  # by itself


def interpret(recipe: Recipe) -> list[Outcome]:
    """Return what each node of a recipe writes."""
    outcomes: list[Outcome] = []
    for place, node in enumerate(recipe.nodes):
        outcomes.append(_outcome(f"n{place}", node, outcomes))
    return outcomes


def _outcome(step_id: str, node: Node, before: list[Outcome]) -> Outcome:
    if node.kind in SOURCES:
        numbers = [(node.params["first"] + place) % LIMIT for place in range(node.params["items"])]
        return _at_place(node, numbers, Outcome())
    given = _merged(node, [_passed(before[source], when) for source, when in zip(node.reads, node.when, strict=True)])
    made = Outcome(is_broken=given.is_broken, is_ordered=given.is_ordered)
    if given.is_value and given.is_absent:
        made.is_value, made.is_absent = node.kind in _MAPPED or node.kind == "dags.total", True
        return made
    if node.kind == "dags.pair":
        made.items = given.items
    elif node.kind in _MAPPED:
        _map(step_id, node, given, made)
    elif node.kind in SPREADING:
        _spread(step_id, node, given, made)
    elif node.kind in THROUGH:
        if given.is_broken:  # it reads what comes before the break
            made = _at_place(node, [changed(item) for item in given.items], made, ends=False)
        else:
            made = _at_place(node, [changed(item) for item in given.items], made)
    else:
        _total(node, given, made)
    return made


def _passed(outcome: Outcome, when: int | None) -> Outcome:
    """Return what passes an edge."""
    if when is None:
        return outcome
    items = [item for item in outcome.items if item >= when]
    absent = outcome.is_value and (outcome.is_absent or not items)
    return Outcome(items, [], outcome.is_value, absent, outcome.is_broken, outcome.is_ordered)


def _merged(node: Node, given: list[Outcome]) -> Outcome:
    """Return what comes in at the only port of a node."""
    if len(given) == 1:
        return given[0]
    broken = any(one.is_broken for one in given)
    if node.merge == "zip":
        pairs = list(zip_longest(*(one.items for one in given), fillvalue=0))
        rounds = min((len(one.items) for one in given if one.is_broken), default=len(pairs))
        items = [(left * 7 + right) % LIMIT for left, right in pairs[:rounds]]
        return Outcome(items, is_broken=broken, is_ordered=all(one.is_ordered for one in given))
    ordered = node.merge == "concat" and all(one.is_ordered for one in given)
    return Outcome([item for one in given for item in one.items], is_broken=broken, is_ordered=ordered)


def _at_place(node: Node, items: list[int], made: Outcome, *, ends: bool = True) -> Outcome:
    """Write items, and fail at a place in the first attempts."""
    at, times = min(node.params["at"], len(items)), node.params["times"]
    reached = at < len(items) or ends
    attempts = node.attempts if node.kind in REPLAYED or at == 0 else 1
    if reached and times >= attempts:
        made.items, made.failed, made.is_broken = items[:at], True, True
    else:
        made.items = items
    return made


def _map(step_id: str, node: Node, given: Outcome, made: Outcome) -> None:
    made.is_value = given.is_value
    for index, item in enumerate(given.items):
        if not (is_bad(item, node.params["bad"]) and node.params["times"] >= node.attempts):
            made.items.append(changed(item))
        elif node.on_error == "fail":
            made.failed = made.is_broken = True
            return
        elif node.on_error == "dead_letter":
            made.letters.append(_letter(step_id, node, item, index))
        elif node.on_error != "skip_item":
            made.items.append(node.on_error.get("value", -item))
    made.is_absent = made.is_value and not made.items


def _spread(step_id: str, node: Node, given: Outcome, made: Outcome) -> None:
    for index, item in enumerate(given.items):
        parts = spread_of(item)
        at = min(node.params["at"], len(parts))
        attempts = node.attempts if node.kind in REPLAYED or at == 0 else 1
        if not (is_bad(item, node.params["bad"]) and node.params["times"] >= attempts):
            made.items += parts
            continue
        made.items += parts[:at]
        if node.on_error == "fail":
            made.failed = made.is_broken = True
            return
        if node.on_error == "dead_letter":
            made.letters.append(_letter(step_id, node, item, index, attempts))


def _letter(step_id: str, node: Node, item: int, index: int, attempts: int | None = None) -> dict[str, Any]:
    return {
        "item": item,
        "error": "",
        "code": "",
        "attempt": node.attempts if attempts is None else attempts,
        "step_id": step_id,
        "index": index,
    }


def _total(node: Node, given: Outcome, made: Outcome) -> None:
    made.is_value = True
    if given.is_broken:
        return
    if node.params["times"] < node.attempts:
        made.items = [sum(given.items) % LIMIT]
    elif node.on_error == "fail":
        made.failed = made.is_broken = True
    else:
        made.items = [node.on_error["value"]]
