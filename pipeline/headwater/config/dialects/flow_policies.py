"""What the old documents say of failures and time, as the keys of a step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from headwater.config.dialects.flow_parameters import refuse_others
from headwater.shapes import is_object

if TYPE_CHECKING:
    from headwater.config.dialects.flow_document import FlowStep
    from headwater.config.problems import JsonPath, Problems

__all__ = ["policies_of"]

_RETRY_KEYS: Final[Mapping[str, Sequence[str]]] = {
    "attempts": ("attempts", "max_attempts"),
    "retries": ("max_retries", "retries", "retry_count", "count"),
    "backoff_s": ("backoff_s", "delay", "delay_s", "delay_seconds", "retry_delay", "initial_delay", "backoff"),
    "factor": ("factor", "backoff_factor", "multiplier", "exponential_base"),
    "max_s": ("max_s", "max_delay", "max_delay_seconds"),
    "on": ("on", "retry_on", "exceptions"),
}
_MS: Final = {"delay_ms": "backoff_s", "retry_delay_ms": "backoff_s", "max_delay_ms": "max_s"}
_FACTORS: Final = {"fixed": 1, "constant": 1, "exponential": 2}
_ON_ERROR: Final = {
    **dict.fromkeys(("fail", "stop", "abort", "raise", "fail_fast"), "fail"),
    **dict.fromkeys(("skip", "continue", "ignore", "skip_item", "log_and_continue"), "skip_item"),
}


def policies_of(step: FlowStep, problems: Problems) -> dict[str, Any]:
    """Return the keys for what a step says; what has no counterpart is a problem."""
    keys: dict[str, Any] = {}
    for key, value, path in _flat(step.policies, step.path):
        if key in {"retry", "retry_policy", "retries"}:
            if (retry := _retry(value, path, problems)) is not None:
                keys["retry"] = {**keys.get("retry", {}), **retry}
        elif key in {"timeout", "timeout_seconds", "timeout_s"}:
            seconds = value
            if is_object(value):
                used = "seconds" if "seconds" in value else "total_s"
                seconds = value.get(used, "")
                refuse_others(problems, "a timeout", value, (used,), path)
            if keys.get("timeout", {"total_s": seconds}) != {"total_s": seconds}:
                problems.add("cannot-import", "the step has another timeout already; keep one of them", path)
            if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and seconds > 0:
                keys["timeout"] = {"total_s": seconds}
            elif value is not None:
                problems.add("cannot-import", "expected a number of seconds", path)
        elif isinstance(value, str) and value.lower() in _ON_ERROR:
            keys["on_error"] = _ON_ERROR[value.lower()]
        elif value is not None:
            known = ", ".join(sorted(_ON_ERROR))
            problems.add("cannot-import", f"{value!r:.60} has no counterpart for errors; known are {known}", path)
    return {key: value for key, value in keys.items() if value != "fail"}


def _flat(policies: Mapping[str, Any], path: JsonPath) -> Iterator[tuple[str, Any, JsonPath]]:
    """Yield each policy, those of `error_handling` too."""
    for key, value in policies.items():
        if key != "error_handling" or not is_object(value):
            yield ("on_error" if key == "error_handling" else key), value, (*path, key)
            continue
        retry = {name: one for name, one in value.items() if any(name in names for names in _RETRY_KEYS.values())}
        if retry:
            yield "retry", retry, (*path, key)
        for name, one in value.items():
            if name in {"strategy", "on_error", "action"}:
                yield ("retry" if one == "retry" else "on_error"), ({} if one == "retry" else one), (*path, key, name)
            elif name in {"timeout", "timeout_seconds"}:
                yield "timeout", one, (*path, key, name)
            elif name not in retry:
                yield "on_error", {name: one}, (*path, key, name)


def _retry(value: Any, path: JsonPath, problems: Problems) -> dict[str, Any] | None:
    if value is None or value is False:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        return {"attempts": value + 1, "on": ["Exception"]}
    if not is_object(value):
        problems.add("cannot-import", "expected how often to try again, or an object with 'max_attempts'", path)
        return None
    if value.get("enabled") is False:
        return None
    retry: dict[str, Any] = {"on": ["Exception"]}
    for key, one in value.items():
        name = next((name for name, keys in _RETRY_KEYS.items() if key in keys), "")
        if key in _MS and isinstance(one, (int, float)):
            retry[_MS[key]] = one / 1000
        elif name == "retries" and isinstance(one, int):
            retry["attempts"] = one + 1
        elif name == "on":
            retry["on"] = [one] if isinstance(one, str) else one
        elif isinstance(one, str) and (name == "backoff_s" or key in {"strategy", "backoff_strategy", "type"}):
            retry = {**_pauses(one, (*path, key), problems), **retry}  # a factor that is given goes first
        elif key == "jitter" and isinstance(one, (bool, int, float)):
            retry |= {} if one is True else {"jitter": one or 0}
        elif name and isinstance(one, (int, float)):
            retry[name] = one
        else:
            refuse_others(problems, "a retry", {key: one}, ("enabled",), path)
    return retry


def _pauses(written: str, path: JsonPath, problems: Problems) -> dict[str, Any]:
    """Return how pauses grow, for the name of a strategy."""
    if written.lower() in _FACTORS:
        return {"factor": _FACTORS[written.lower()]}
    known = ", ".join(_FACTORS)
    problems.add("cannot-import", f"the pauses {written!r:.60} have no counterpart; known are {known}", path)
    return {}
