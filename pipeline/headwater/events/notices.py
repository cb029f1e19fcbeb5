"""The operator's log: what is no event of an execution, but must not go unsaid."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

__all__ = ["notice", "operator_log"]


def operator_log() -> FilteringBoundLogger:
    """Return a structlog logger; as long as nobody has configured structlog it writes to standard error.

    Unconfigured, structlog writes to standard output, which belongs to the results.

    Returns:
        The logger. structlog is imported here, so that nobody pays for it who has nothing to say.
    """
    import structlog

    if structlog.is_configured():
        return structlog.get_logger("headwater")  # type: ignore[no-any-return]  # structlog types it as Any
    return structlog.wrap_logger(structlog.PrintLogger(sys.stderr))  # type: ignore[no-any-return]  # likewise


def notice(text: str, **fields: Any) -> None:
    """Warn the operator; that this cannot be written must not disturb anything else.

    Args:
        text: What happened.
        **fields: The details.
    """
    with suppress(Exception):
        operator_log().warning(text, **fields)
