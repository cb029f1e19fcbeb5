"""Refuses steps that need a permission of the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.config.policies.substeps import substeps_of
from headwater.config.problems import quote

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from headwater.config.problems import JsonPath, Problems
    from headwater.config.spec import PipelineSpec
    from headwater.kinds.definition import BoundStep

__all__ = ["allowed_names", "check_permissions"]


def allowed_names(allow: Collection[str]) -> frozenset[str]:
    """Return the permissions that an operator gives; a single string is refused."""
    if isinstance(allow, str):
        msg = f"allow is the string {allow!r}, but a collection is expected: write allow={{{allow!r}}}"
        raise TypeError(msg)
    return frozenset(allow)


def check_permissions(
    spec: PipelineSpec, steps: Mapping[str, BoundStep], allowed: Collection[str], problems: Problems
) -> None:
    """Report every step that needs a permission the operator did not give."""
    refused = {step_id for step_id, bound in steps.items() if _is_refused(bound, allowed)}
    if not refused:
        return
    places: list[tuple[str, str, JsonPath]] = [
        (step.id, step.kind, ("steps", index)) for index, step in enumerate(spec.steps)
    ]
    places += [(substep.id, substep.kind, substep.path) for substep in substeps_of(spec.steps)]
    for step_id, kind, path in places:
        if step_id in refused:
            permission = steps[step_id].definition.permission
            message = f"the kind {quote(kind)} needs the permission {quote(permission)}, which is not given"
            hint = f"the operator can give it: --allow {permission}, or allow={{{permission!r}}} in Python"
            problems.add("not-allowed", message, (*path, "kind"), hint)


def _is_refused(bound: BoundStep, allowed: Collection[str]) -> bool:
    permission = bound.definition.permission
    return bool(permission) and permission not in allowed
