"""The context of a running step: its ids, its progress and its log."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from headwater.errors import FIRST_ATTEMPT
from headwater.events.notices import operator_log

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

    from structlog.typing import FilteringBoundLogger

__all__ = ["ITEM_INDEX", "NestedRun", "StepContext"]

ITEM_INDEX: ContextVar[int | None] = ContextVar("ITEM_INDEX", default=None)
"""The index of the item that a step works on, where items are not worked on one after the other."""


class NestedRun(Protocol):
    """A nested pipeline that a step runs within its execution."""

    async def value(self) -> Any:
        """Run it to its end, and return the value that it makes, or an `Outputs` with several."""
        ...

    def frames(self) -> AsyncGenerator[Any, None]:
        """Run it, and yield what it writes while it is written."""
        ...


class StepContext:
    """The execution and the attempt that a step runs in; it takes the progress and the log of the step.

    A step gets one by annotating a parameter with it. Nothing here waits, and worker threads may use all of it.

    Args:
        execution_id: Id of the execution.
        step_id: Id of the step in the pipeline.
        attempt: Which try of the step this is, from 1.
        deadline: When the step will be cancelled, as a time of `anyio.current_time()`; None when it has no limit.
        report: Called with fraction, message and data of each progress.
        is_cancelled: Returns whether the execution was cancelled.
        mask: Masks secrets in the lines that the step logs; `str` masks nothing.
        connected: Names of the output ports that are connected.
        allowed: What the operator allows, such as `private-network`.

    Example:
        >>> seen = []
        >>> ctx = StepContext("e1", "words", report=lambda *progress: seen.append(progress))
        >>> ctx.progress(0.5, "half way", lines=120)
        >>> seen
        [(0.5, 'half way', {'lines': 120})]
        >>> ctx.idempotency_key
        'e1:words'
    """

    __slots__ = (
        "_is_cancelled",
        "_items",
        "_key",
        "_log",
        "_mask",
        "_nest",
        "_report",
        "allowed",
        "attempt",
        "connected",
        "deadline",
        "execution_id",
        "step_id",
    )

    def __init__(
        self,
        execution_id: str,
        step_id: str,
        *,
        attempt: int = FIRST_ATTEMPT,
        deadline: float | None = None,
        report: Callable[[float | None, str, Mapping[str, Any]], None] = lambda _fraction, _message, _data: None,
        is_cancelled: Callable[[], bool] = lambda: False,
        mask: Callable[[str], str] = str,
        connected: Iterable[str] = ("out",),
        allowed: Iterable[str] = (),
    ) -> None:
        self.execution_id: str = execution_id
        self.step_id: str = step_id
        self.attempt: int = attempt
        self.deadline: float | None = deadline
        self.connected: frozenset[str] = frozenset(connected)
        self.allowed: frozenset[str] = frozenset(allowed)
        self._report = report
        self._is_cancelled = is_cancelled
        self._mask = mask
        self._log: FilteringBoundLogger | None = None
        self._key = step_id
        self._items = 0
        self._nest: Callable[[Sequence[Any], Mapping[str, Any]], NestedRun] | None = None

    def __repr__(self) -> str:
        return f"<StepContext {self.step_id!r} attempt {self.attempt} of execution {self.execution_id}>"

    @property
    def idempotency_key(self) -> str:
        """The same for each attempt of this step in this execution, and for no other step."""
        return f"{self.execution_id}:{self._key}"

    @property
    def cancelled(self) -> bool:
        """Whether the execution was cancelled, so that a loop in a worker thread should end."""
        return self._is_cancelled()

    @property
    def log(self) -> FilteringBoundLogger:
        """A structlog logger that is bound to the execution and the step."""
        log = self._log
        if log is None:
            log = operator_log(self._mask).bind(execution_id=self.execution_id, step_id=self.step_id)
            self._log = log
        return log

    def masked(self, text: str) -> str:
        """Return text with the secrets of the pipeline masked.

        Use it on text from elsewhere, such as the answer of a server, before it is cut or put into a message: what is
        emitted and logged is masked anyway, but half a secret cannot be found.

        Args:
            text: What may contain a secret.

        Returns:
            The text with asterisks in place of each secret.
        """
        return self._mask(text)

    def place(self, key: str, nest: Callable[[Sequence[Any], Mapping[str, Any]], NestedRun] | None) -> None:
        """Say where in the execution the step runs; the engine does this before the step is called.

        Args:
            key: What distinguishes this run of the step from its other runs in the execution.
            nest: Begins a run of the step's nested pipeline, if it has one.
        """
        self._key = key
        self._nest = nest

    def next_index(self) -> int:
        """Return the index of the item that a mapped step works on; to be called once for each.

        Returns:
            A number from 0, the same for each try of the item.
        """
        index = ITEM_INDEX.get()
        if index is None:
            index = self._items
            self._items += 1
        return index

    def nested(self, inputs: Sequence[Any], **metadata: Any) -> NestedRun:
        """Begin a run of the nested pipeline that the step has as a param, for kinds that derive from `NestingStep`.

        Args:
            inputs: A value or a stream for each of its inputs.
            **metadata: What its events have as metadata, such as `index` or `iteration`.

        Returns:
            The run. Either its `value` or its `frames` is used, once.

        Raises:
            RuntimeError: The step has no nested pipeline.
        """
        if self._nest is None:
            raise RuntimeError(f"step {self.step_id!r} has no nested pipeline; derive its kind from NestingStep")
        return self._nest(inputs, metadata)

    def progress(self, fraction: float | None = None, message: str = "", **data: Any) -> None:
        """Report how far the step is.

        Args:
            fraction: Done part of the work, from 0 to 1 (what is outside is taken for the nearer bound); None when
                it is not known.
            message: What the step is doing.
            **data: Anything else worth reporting, of types that JSON has. `compensations` is the number of items that
                could not be used as they were, and were skipped, put aside or replaced, since the last report;
                `step_complete` has the total. Items that a step is asked to leave out, as a filter is, do not count.
                `skipped` is how many of them were left out, which every view shows.
                Report them one by one, where they happen: frequent progress is throttled, but all of it is counted.
                So are `input_tokens`, `output_tokens`, `cache_read_tokens`, `cache_creation_tokens` and
                `reasoning_tokens`, the numbers of tokens that were used since the last report: events have their sums.
        """
        if isinstance(fraction, str):
            raise TypeError(f"progress: fraction is the string {fraction[:80]!r}; write message={fraction[:80]!r}")
        self._report(None if fraction is None else min(max(fraction, 0.0), 1.0), message, data)
