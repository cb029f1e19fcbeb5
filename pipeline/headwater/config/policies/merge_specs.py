"""The key `merge` of a step: how several edges into one port meet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from headwater.config.notation.document_types import MISSING, Json, part_config
from headwater.shapes import is_object

__all__ = ["Merge", "MergeSpec"]

MergePolicy = Literal["interleave", "concat", "zip", "latest", "first"]


@dataclass(frozen=True, slots=True)
class MergeSpec:
    """How several edges into one port meet, with the options of the policy.

    Args:
        policy: The policy.
        unequal: What happens under `zip` when an edge ends before another; `fail` by default.
        pad: What stands for the items that an edge lacks, where `unequal` is `pad`.
    """

    __pydantic_config__: ClassVar[ConfigDict] = part_config("a merge policy")

    policy: MergePolicy
    unequal: Literal["fail", "shortest", "pad"] | None = None
    pad: Json = field(default_factory=lambda: MISSING)

    @property
    def padding(self) -> Json:
        """What stands for items that an edge lacks."""
        return None if self.pad is MISSING else self.pad


def _form_of_policy(policy: object) -> str:
    """Return the form in which one policy is written."""
    return "with options" if isinstance(policy, MergeSpec) or is_object(policy) else "name"


def _form_of_merge(merge: object) -> str:
    """Return the form of `merge`: an object with the key `policy` is one policy."""
    if is_object(merge) and "policy" not in merge:
        return "by port"
    return "none" if merge is None else _form_of_policy(merge)


def _as_alternatives(schema: dict[str, Any]) -> None:
    """Write the forms as `anyOf`, which a template for the whole value can join."""
    schema["anyOf"] = schema.pop("oneOf")


def _with_one_object(schema: dict[str, Any]) -> None:
    """Write the two objects among the forms as one, in which a key chooses, so that one of them is meant for sure."""
    name, options, by_port, none = schema.pop("oneOf")
    chosen = {"type": "object", "if": {"required": ["policy"]}, "then": options, "else": by_port}
    schema["anyOf"] = [name, chosen, none]


_Name = Annotated[MergePolicy, Tag("name")]
_WithOptions = Annotated[MergeSpec, Tag("with options")]
_OnePolicy = Annotated[_Name | _WithOptions, Discriminator(_form_of_policy), Field(json_schema_extra=_as_alternatives)]
_ByPort = Annotated[dict[str, _OnePolicy], Field(json_schema_extra={"x-never": "policy"}), Tag("by port")]
Merge = Annotated[
    _Name | _WithOptions | _ByPort | Annotated[None, Tag("none")],
    Discriminator(_form_of_merge),
    Field(json_schema_extra=_with_one_object),
]
