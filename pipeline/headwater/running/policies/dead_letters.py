"""What is written to the port `errors` for an item that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headwater.causes import declared_code
from headwater.kinds.outputs import ERRORS_PORT, To
from headwater.running.failures import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["dead_letter"]


def dead_letter(
    item: Any, error: BaseException, mask: Callable[[str], str], *, step_id: str, attempt: int, index: int
) -> Any:
    """Return an item that failed with its error, addressed to the port `errors`."""
    letter = {
        "item": item,
        "error": reason_of(error, mask),
        "code": declared_code(error) or type(error).__name__,
        "attempt": attempt,
        "step_id": step_id,
        "index": index,
    }
    return To(ERRORS_PORT, letter)
