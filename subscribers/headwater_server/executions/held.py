"""One execution on a server: who started it, its events, its outputs, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from time import time
from typing import TYPE_CHECKING, Any

import anyio

from headwater import ExecutionState, HeadwaterError, Result
from headwater.toolkit import item_size
from headwater_server.bodies.frame_forms import declared_types
from headwater_server.executions.kept_items import KeptItems

if TYPE_CHECKING:
    from headwater import Execution, StreamType
    from headwater.toolkit import EventLog
    from headwater_server.access.principal import Principal
    from headwater_server.access.rates import Slot
    from headwater_server.executions.input_feed import InputFeed

__all__ = ["HeldExecution"]


class HeldExecution:
    """An execution that a caller has started; it stays readable for a while after its end."""

    def __init__(
        self,
        execution: Execution,
        owner: Principal,
        pipeline: str,
        parameters: Mapping[str, Any],
        feed: InputFeed | None = None,
    ) -> None:
        self.id: str = execution.execution_id
        self.owner: Principal = owner
        self.pipeline: str = pipeline
        self.parameters: Mapping[str, Any] = parameters
        self.created_s: float = time()
        self.log: EventLog = execution.log
        self.types: Mapping[str, StreamType] = declared_types(execution.plan)
        self.execution: Execution | None = execution
        self.input: InputFeed | None = feed
        self.outputs: dict[str, KeptItems] = {}
        self.result: Result | None = None
        self.place: Slot | None = None
        self.done: anyio.Event = anyio.Event()
        self.scope: anyio.CancelScope = anyio.CancelScope()  # what runs it, and answers with its outputs
        self._own_bytes = item_size(parameters)
        self._state = ExecutionState()
        self._seen_seq = 0

    @property
    def status(self) -> str:
        """`running`, `completed`, `failed` or `cancelled`."""
        if self.result is not None:
            return self.result.status
        return "running" if self.execution is None else self.execution.status

    @property
    def duration_s(self) -> float:
        """How long it has run, or ran."""
        return time() - self.created_s if self.result is None else self.result.duration_s

    @property
    def error(self) -> dict[str, Any] | None:
        """The error that it ended with, as data."""
        error = None if self.result is None else self.result.error
        if error is None:
            return None
        if isinstance(error, HeadwaterError):
            return error.to_json()
        return {"code": "error", "message": f"{type(error).__name__}: {error}"}

    def cancel(self, reason: str) -> None:
        """Stop it, unless it has ended."""
        if self.execution is not None:
            self.execution.cancel(reason)
        for kept in self.outputs.values():
            kept.stop_waiting()

    def end(self, result: Result) -> None:
        """Note how it ended; what only runs it is let go."""
        self.result, self.execution = result, None
        for kept in self.outputs.values():
            kept.end(kept.footer, result.error)
        if self.input is not None:
            self.input.close("the execution has ended")
        self.done.set()

    def state(self) -> ExecutionState:
        """Return the state of its steps at the moment, computed from its events."""
        if self.log.last_seq > self._seen_seq:
            batch = self.log.read(after=self._seen_seq)
            self._state.apply(batch)
            self._seen_seq = batch.last_seq
        return self._state

    def to_json(self, links: Mapping[str, str], *, with_steps: bool = False) -> dict[str, Any]:
        """Return it as the data that callers get."""
        form: dict[str, Any] = {
            "id": self.id,
            "pipeline": self.pipeline,
            "state": self.status,
            "created": datetime.fromtimestamp(self.created_s, UTC).isoformat(),
            "duration_s": self.duration_s,
            "parameters": self.parameters,
            "error": self.error,
            "last_seq": self.log.last_seq,
            "outputs": {name: _output_form(kept) for name, kept in self.outputs.items()},
            "links": links,
        }
        if self.input is not None:
            form["input"] = {"accepted": self.input.accepted, "ended": self.input.ended}
        if with_steps:
            form["steps"] = self.steps()
        return form

    @property
    def size_bytes(self) -> int:
        """Bytes of the parameters and of the outputs that are kept, as estimated."""
        return self._own_bytes + sum(kept.size_bytes for kept in self.outputs.values())

    def output_values(self) -> dict[str, Any]:
        """Return the kept outputs, with the header and the footer of a single one, as the outcome has them."""
        values = {name: _value(kept) for name, kept in self.outputs.items()}
        if len(values) != 1:
            return {"output": values} if values else {}
        kept = next(iter(self.outputs.values()))
        return {"output": values[kept.name], "header": kept.header, "footer": kept.footer}

    def steps(self) -> list[dict[str, Any]]:
        """Return the state of each step as data."""
        now_s = time()
        return [
            {
                "id": step.step_id,
                "kind": step.kind,
                "state": step.state.value,
                "attempt": step.attempt,
                "items_in": step.items_in,
                "items_out": step.items_out,
                "items_aside": step.items_aside,
                "fraction": step.fraction,
                "message": step.message,
                "per_s": step.per_s(now_s),
                "busy": step.busy(now_s),
                "waits_for": step.waits_for,
                "waiting": step.waiting,
                "duration_s": step.elapsed_s(now_s),
                "retries": len(step.retries),
                "error": None if step.failure is None else str(step.failure),
            }
            for step in self.state().steps.values()
        ]


def _value(kept: KeptItems) -> Any:
    if kept.streaming:
        return list(kept.items)
    return kept.items[0] if kept.items else None


def _output_form(kept: KeptItems) -> dict[str, Any]:
    return {"streaming": kept.streaming, "items": kept.count, "first_item": kept.first, "ended": kept.ended}
