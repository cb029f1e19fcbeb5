"""Items as JSON text, whatever their types are."""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from headwater.display import shorten

__all__ = ["item_json", "unwritable"]

_SHOWN_CHARS = 80


def item_json(item: Any, *, base64_bytes: bool = False) -> bytes:
    r"""Return an item of an output as JSON text in one line, as `headwater run` writes it.

    Args:
        item: The item: JSON data, a pydantic model, a dataclass, a date, or anything else that pydantic can serialize.
        base64_bytes: Whether bytes become base64 strings, with the alphabet that is safe in a URL; otherwise they have
            to be UTF-8. A model decides about its own fields.

    Returns:
        The text in UTF-8, without a line break; infinity and NaN are strings.

    Raises:
        ValueError: The item has no form as JSON, or has bytes that are not UTF-8.

    Example:
        >>> item_json({"level_m": 2.5}), item_json(b"\xff", base64_bytes=True)
        (b'{"level_m":2.5}', b'"_w=="')
    """
    try:
        return to_json(item, inf_nan_mode="strings", bytes_mode="base64" if base64_bytes else "utf8")
    except (PydanticSerializationError, ValueError) as error:  # ValueError for a string with half a surrogate pair
        raise unwritable(item, error) from None


def unwritable(item: Any, error: Exception) -> ValueError:
    """Return the error for an item that has no form as JSON or text, from that of the encoder."""
    reason = f"{error}"
    if "surrogates not allowed" in reason:
        shown = shorten(ascii(item), _SHOWN_CHARS)
        reason = f"it has bytes that are not UTF-8, as from the name of a file: {shown}"
    return ValueError(f"an item of the output, of type {type(item).__name__}, cannot be written: {reason}")
