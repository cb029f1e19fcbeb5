"""Steps for records: objects with fields, such as the rows of a table.

`fields` picks, renames, sets and drops fields; `validation` checks items by a JSON Schema; `joining` adds what a table
has for the key of an item.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.lazy import on_first_use

if TYPE_CHECKING:
    from collections.abc import Callable

    from headwater_steps.records.paths import MissingFieldError
    from headwater_steps.records.validation import InvalidItemError

__all__ = ["InvalidItemError", "MissingFieldError"]

__getattr__: Callable[[str], Any] = on_first_use(
    __name__, {"paths": "MissingFieldError", "validation": "InvalidItemError"}
)
