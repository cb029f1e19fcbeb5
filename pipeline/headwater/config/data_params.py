"""Types of params whose values are given as data, such as conditions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic_core import ValidationError, core_schema

from headwater.config.problems import Fault

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

__all__ = ["DataParam"]


class DataParam:
    """The base of the types of params that are given as data; `Condition` is one.

    A subclass says in `data_type` what the data looks like, for the JSON Schema, and makes itself of it in `from_data`.

    Attributes:
        source: The value as data.
        data_type: Type of the data.

    Example:
        >>> class Celsius(DataParam):
        ...     data_type = float
        ...
        ...     def __init__(self, source):
        ...         self.source = source
        ...
        ...     @classmethod
        ...     def from_data(cls, data):
        ...         if not isinstance(data, float) or data < -273.15:
        ...             raise cls.refusal([Fault("wrong-value", "expected a temperature from -273.15")])
        ...         return cls(data)
        >>> from pydantic import TypeAdapter
        >>> TypeAdapter(Celsius).validate_python(21.5)
        Celsius(21.5)
    """

    __slots__ = ("source",)

    data_type: ClassVar[Any]
    source: Any

    @classmethod
    def from_data(cls, data: Any) -> Self:
        """Make the value of the data in a document.

        Args:
            data: Anything.

        Returns:
            The value.

        Raises:
            pydantic.ValidationError: The data is wrong; `refusal` makes the error.
        """
        raise NotImplementedError

    @classmethod
    def refusal(cls, faults: Iterable[Fault]) -> ValidationError:
        """Return the error for data that is wrong.

        Args:
            faults: Everything that is wrong with it.

        Returns:
            The error to raise.
        """
        return ValidationError.from_exception_data(cls.__name__, [fault.details() for fault in faults])

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.source == other.source

    def __hash__(self) -> int:
        return hash(repr(self.source))

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.from_data(value),
            json_schema_input_schema=handler.generate_schema(cls.data_type),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda value: value.source),
        )
