"""The operator's log: what is no event of an execution, but must not go unsaid."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from headwater.masking import mask_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from structlog.typing import FilteringBoundLogger

__all__ = ["notice", "operator_log"]


def operator_log(mask: Callable[[str], str] = str) -> FilteringBoundLogger:
    """Return a structlog logger; as long as nobody has configured structlog it writes to standard error.

    Unconfigured, structlog writes to standard output, which belongs to the results.

    Args:
        mask: Replaces what must not be told, such as secrets, in a text; applied to what is about to be written, so
            that tracebacks are covered too.

    Returns:
        The logger. structlog is imported here, so that nobody pays for it who has nothing to say.
    """
    import structlog

    def masked(_logger: object, _method: str, written: Any) -> Any:
        return mask_data(written, mask)

    processors = [*structlog.get_config()["processors"], masked]
    target = None if structlog.is_configured() else structlog.PrintLogger(sys.stderr)
    logger: FilteringBoundLogger = structlog.wrap_logger(target, processors=processors)
    return logger


def notice(text: str, **fields: Any) -> None:
    """Warn the operator; that this cannot be written must not disturb anything else.

    Args:
        text: What happened.
        **fields: The details.
    """
    with suppress(Exception):
        operator_log().warning(text, **fields)
