"""The type of a param that is a pipeline, and what is known of the pipeline once it was loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Self

from pydantic import WithJsonSchema

from headwater.config.data_params import DataParam
from headwater.config.notation.schema_words import in_words
from headwater.config.problems import Fault
from headwater.shapes import is_mapping
from headwater.types.fit import Fit, check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headwater.kinds.definition import BoundStep, Port
    from headwater.kinds.outputs import Outputs

__all__ = ["NestedForm", "NestedPipeline", "NestedPlans"]

_Document = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "x-document": True})]


@dataclass(frozen=True, slots=True)
class NestedForm:
    """One way to run a nested pipeline: its plan, the ports of the step that runs it, and how long a run may take."""

    plan: Any
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    outputs_type: type[Outputs] | None
    timeout_s: float | None = None
    stall_s: float | None = None

    @property
    def streams_in(self) -> bool:
        """Whether a stream comes in."""
        return any(port.streaming for port in self.inputs)

    @property
    def takes_its_output(self) -> bool:
        """Whether the only input takes what the only output gives."""
        return check(self.outputs[0].type.item, self.inputs[0].type.item, {}) is not Fit.NO

    @property
    def streams_out(self) -> bool:
        """Whether a stream goes out."""
        return any(port.streaming for port in self.outputs)


class NestedPlans(Protocol):
    """A nested pipeline that was loaded."""

    @property
    def forms(self) -> Sequence[NestedForm]:
        """The ways to run it: for values, and for streams where that differs."""
        ...

    @property
    def document(self) -> Mapping[str, Any]:
        """Its document, with templates."""
        ...

    @property
    def steps(self) -> Mapping[str, BoundStep]:
        """Its steps by id."""
        ...

    @property
    def substeps(self) -> Mapping[str, BoundStep]:
        """The steps in the policies of its steps."""
        ...


class NestedPipeline(DataParam):
    """A pipeline within a step; the type of a param, for kinds that derive from `NestingStep`.

    A document gives a pipeline itself, as an object, or the path of its file. The path is relative to the folder of the
    document that names it, and leads to a file inside that folder.

    Attributes:
        source: The pipeline as data, or a path.
        loaded: The pipeline, once the pipeline around it is loaded; None before.
    """

    __slots__ = ("loaded",)

    data_type = str | _Document
    source: str | dict[str, Any]
    loaded: NestedPlans | None

    def __init__(self, source: str | dict[str, Any], loaded: NestedPlans | None = None) -> None:
        self.source = source
        self.loaded = loaded

    @classmethod
    def from_data(cls, data: Any) -> Self:
        """Make the value of the data in a document; the pipeline is loaded later.

        Args:
            data: A document, or a path.

        Returns:
            The value.

        Raises:
            pydantic.ValidationError: It is neither.
        """
        if isinstance(data, str) or is_mapping(data):
            return cls(data if isinstance(data, str) else dict(data))
        raise cls.refusal([Fault("wrong-type", f"expected a pipeline, or the path of one, found {in_words(data)}")])
