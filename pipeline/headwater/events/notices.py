"""The operator's log: messages that are not events of an execution, but must be seen."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from headwater.display import escaped
from headwater.masking import mask_data

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from structlog.typing import EventDict, FilteringBoundLogger, Processor

__all__ = ["notice", "operator_log"]

_SEVERAL_LINES = {"exception", "stack"}


def operator_log(mask: Callable[[str], str] = str) -> FilteringBoundLogger:
    """Return a structlog logger that writes to standard error unless structlog is configured.

    Unconfigured, structlog writes to standard output, which belongs to the results. `mask` replaces secrets in what is
    logged before a processor renders or wraps it, and again in what the processors add. What cannot be printed is
    escaped for a terminal. structlog is imported on first use.
    """
    import structlog

    def logged(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> Any:
        return mask_data(_with_traceback(fields), mask)

    def rendered(_logger: object, _method: str, written: Any) -> Any:
        return mask_data(written, mask)

    processors: list[Any] = list(structlog.get_config()["processors"])
    if processors and isinstance(processors[-1], structlog.dev.ConsoleRenderer):
        processors.insert(-1, _for_terminal)
        processors[-1] = _for_plain_tracebacks(processors[-1])
    if mask is not str:
        processors = [logged, *map(_for_plain_tracebacks, processors), rendered]
    target = None if structlog.is_configured() else structlog.PrintLogger(sys.stderr)
    logger: FilteringBoundLogger = structlog.wrap_logger(target, processors=processors)
    return logger


def _for_terminal(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> Any:
    """Escape what cannot be printed in a line, which a step or a program may have written."""
    texts = [value for value in fields.values() if isinstance(value, str)]
    if all(map(str.isprintable, texts)) and all(map(str.isprintable, fields)) and not fields.get("exc_info"):
        return fields
    return {
        escaped(key): "\n".join(map(escaped, value.split("\n"))) if key in _SEVERAL_LINES else _escaped(value)
        for key, value in _with_traceback(fields).items()
    }


def _escaped(value: Any) -> Any:
    return escaped(value) if isinstance(value, str) else value


def _with_traceback(fields: MutableMapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a line with its exception as plain text, which no renderer wraps."""
    from structlog.processors import format_exc_info

    if fields.get("exc_info"):
        fields = format_exc_info(None, "", fields)
    return dict(fields)


def _for_plain_tracebacks(processor: Processor) -> Processor:
    """Return a processor that writes a traceback which is text already; console renderers before 26.1 warn of it."""
    from structlog.dev import ConsoleRenderer

    if not isinstance(processor, ConsoleRenderer):
        return processor

    def rendered(logger: Any, method: str, fields: EventDict) -> str:
        traceback = fields.pop("exception", None)
        line = processor(logger, method, fields)
        return line if traceback is None else f"{line}\n{traceback}"

    return rendered


def notice(text: str, **fields: Any) -> None:
    """Warn the operator; a log that cannot be written must not disturb anything else."""
    with suppress(Exception):
        operator_log().warning(text, **fields)
