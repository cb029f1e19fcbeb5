"""Every error that Headwater raises on purpose.

```
HeadwaterError
├── ConfigError            a document, a parameter or a call is wrong; lists every problem at once
├── StepDefinitionError    a step's code is declared wrongly; lists every problem at once
├── StepError              a step failed while running; the original error is the __cause__
├── StreamError
│   ├── StreamOrderError       a frame out of the order header? item* footer?
│   ├── StreamConsumedError    a stream read a second time
│   ├── StreamBrokenError      the writer failed or vanished: what was read is not everything
│   └── FrameTypeError         a header, item or footer of another type than declared
├── ExecutionCancelled     the execution was cancelled before its end
└── MissingExtraError      a feature needs an optional dependency that is not installed
```

`ConfigError` and `StepDefinitionError` are mistakes of whoever wrote the document or the code; the others happen while
data flows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ConfigError",
    "ExecutionCancelled",
    "FrameTypeError",
    "HeadwaterError",
    "MissingExtraError",
    "Problem",
    "StepDefinitionError",
    "StepError",
    "StreamBrokenError",
    "StreamConsumedError",
    "StreamError",
    "StreamOrderError",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, with its place and what to do about it.

    Args:
        code: Stable name of the kind of problem, in kebab case, such as `unknown-key`.
        message: What was found and what was expected, one sentence.
        path: JSON path of the place in the document, such as `$.steps[2].params.path`.
        file: File the place is in, when it came from a file.
        line: Line of the place, from 1.
        column: Column of the place, from 1, counted in characters.
        hint: What to do, one sentence; empty when the message says it all.
    """

    code: str
    message: str
    path: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        parts = [part for part in (place, self.path, self.message) if part]
        hint = f" ({self.hint})" if self.hint else ""
        return f"{': '.join(parts)}{hint} [{self.code}]"


class HeadwaterError(Exception):
    """The root of all errors that Headwater raises on purpose."""


class _ProblemsError(HeadwaterError):
    """An error that carries every problem found, not just the first."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__(self._text())

    def _text(self) -> str:
        if len(self.problems) == 1:
            return str(self.problems[0])
        return "\n".join([f"{len(self.problems)} problems", *(f"  {problem}" for problem in self.problems)])


class ConfigError(_ProblemsError):
    """A document, its parameters or a call on a pipeline is wrong.

    Args:
        problems: Everything that is wrong, in the order of the document.

    Example:
        >>> error = ConfigError(Problem("unknown-kind", "kind 'text.word' is not known", "$.steps[0].kind"))
        >>> error.problems[0].code
        'unknown-kind'
    """


class StepDefinitionError(_ProblemsError):
    """The code of a step is declared in a way that cannot work; each problem names the file and line."""


class StepError(HeadwaterError):
    """A step failed; the error it raised is the `__cause__`.

    Args:
        step_id: The step that failed.
        message: What happened, one sentence, without the step's name.
        attempt: Which try of the step failed, from 1.
        path: Ids of the steps from the outermost pipeline to the step that failed.
    """

    def __init__(self, step_id: str, message: str, *, attempt: int = 1, path: Sequence[str] = ()) -> None:
        super().__init__(step_id, message)
        self.step_id = step_id
        self.message = message
        self.attempt = attempt
        self.path: tuple[str, ...] = tuple(path) or (step_id,)
        self.result: Any = None

    def __str__(self) -> str:
        tries = f" (attempt {self.attempt})" if self.attempt > 1 else ""
        return f"step {' > '.join(map(repr, self.path))} failed{tries}: {self.message}"


class StreamError(HeadwaterError):
    """A stream was written or read wrongly, or its writer failed."""


class StreamOrderError(StreamError):
    """A frame is out of the order `header? item* footer?`."""


class StreamConsumedError(StreamError):
    """A stream is read once only, and this one was read already."""


class StreamBrokenError(StreamError):
    """The writer of a stream failed or vanished, so the items read so far are not all there should be.

    Args:
        message: What happened, one sentence.
        step_id: The step whose failure broke the stream, when it is known.
        execution_id: The execution in which that happened, when it is known.
    """

    def __init__(self, message: str, *, step_id: str | None = None, execution_id: str | None = None) -> None:
        super().__init__(message)
        self.step_id = step_id
        self.execution_id = execution_id


class FrameTypeError(StreamError):
    """A header, item or footer is of another type than the stream declares."""


class ExecutionCancelled(HeadwaterError):  # noqa: N818 - the public name reads like asyncio's and trio's Cancelled
    """The execution was cancelled before it was complete; `result` holds what it had produced."""

    def __init__(self, message: str = "the execution was cancelled") -> None:
        super().__init__(message)
        self.result: Any = None


class MissingExtraError(HeadwaterError, ImportError):
    """A feature needs an optional dependency.

    Args:
        feature: What was asked for.
        extra: The extra of the distribution that brings it.
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional dependency: pip install 'headwater[{extra}]'")
        self.feature = feature
        self.extra = extra
