"""Every public error, as one tree.

```
HeadwaterError
├── ConfigError                 a document, a parameter or a call is wrong; lists every problem
├── StepDefinitionError         the code of a step is declared wrongly; lists every problem
├── ExecutionError              an execution did not complete; `result` holds what it produced
│   ├── StepError                   a step failed; the original error is the `__cause__`
│   ├── DeadlockError               steps wait for each other, and none can go on
│   ├── ExecutionTimeoutError       the `timeout.total_s` of the pipeline has passed
│   └── ExecutionCancelled          the execution was cancelled
├── StreamError
│   ├── StreamOrderError            a frame is out of the order `header? item* footer?`
│   ├── StreamConsumedError         a stream was read a second time
│   ├── StreamBrokenError           the writer failed or vanished: what was read is incomplete
│   └── FrameTypeError              a header, item or footer has another type than declared
├── MissingExtraError           a feature needs an optional dependency that is not installed
├── PatternError                a regular expression is wrong, or too large to be safe
├── StepTimeoutError            a limit of the `timeout` of a step has passed
├── ProcessError                a step failed in its worker process, or the process ended
├── CircuitOpenError            a circuit breaker refused a call, as too many before it have failed
├── BatchError                  a batch gave no result for an item
│   headwater.toolkit
├── MissingFieldError           a record lacks a field
├── FileRefusedError            a file is outside of the folders that the program lets steps use
│   headwater.testing
├── SampleBrokenError           a sample stream broke, as the test asked
│   headwater_steps.files
├── BadLineError                a line of a file cannot be read
├── DamagedFileError            a compressed file is cut off or damaged
│   headwater_steps.streams
├── InvalidItemError            a JSON Schema does not allow an item
│   headwater_steps.control
├── LoopLimitError              a loop has reached a limit before its condition held
├── NoCaseError                 an item meets no case of a switch
│   headwater_steps.process
├── ProgramError                a program could not be run, or failed
│   └── ProgramTimeoutError         a program took too long
│   headwater_steps.http
├── HttpError
│   ├── HttpRefusedError            a rule or limit of the step forbids the request
│   ├── HttpStatusError             the server answered with a status of 400 or more
│   └── HttpBrokenError             there is no connection, or it broke
│       └── HttpTimeoutError            the server let a time limit pass
│   headwater_client
├── ServerError                 a server refused a request, or could not be reached
│   ├── RequestRefusedError         a server refused a request, and said why
│   │   └── UnknownExecutionError       a server knows no such execution of this caller
│   ├── ServerUnreachableError      a server does not answer
│   └── AddressRefusedError         a step may not reach the address of a server
│   headwater_subscribers
└── BadEventError               a line of a file of events is not an event
```

`ConfigError`, `StepDefinitionError` and `PatternError` are mistakes in a document or in code; the others happen while
data flows. An error is imported from the package under whose heading it stands: `headwater` where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, Final
from weakref import WeakValueDictionary

from headwater.causes import OPAQUE, Cause, Problem, causes_of, code_of, restored, simple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "FIRST_ATTEMPT",
    "ConfigError",
    "DeadlockError",
    "ExecutionCancelled",
    "ExecutionError",
    "ExecutionTimeoutError",
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

FIRST_ATTEMPT: Final = 1  # the number that the first attempt of a step has

_NOT_DETAILS: Final = frozenset({"__notes__", "causes", "code", "message", "result"})

_by_code: WeakValueDictionary[str, type[HeadwaterError]] = WeakValueDictionary()


class HeadwaterError(Exception):
    """The root of all errors that Headwater raises on purpose.

    Attributes:
        code: Stable name of the kind of error, for programs and other languages.

    Example:
        >>> MissingExtraError("a virtual clock", "testing").to_json()["code"]
        'missing-extra'
    """

    code: ClassVar[str] = "headwater"
    causes: tuple[Cause, ...] | None = None  # masked, where the error knows of secrets

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in vars(cls):
            cls.code = code_of(cls.__name__)
        if not cls.__name__.startswith("_"):
            _by_code.setdefault(cls.code, cls)

    def to_json(self) -> dict[str, Any]:
        """Return the error as data that JSON has.

        Returns:
            The code, the message, the attributes of the error that are simple values, and the chain of causes, each
            with its class and message.
        """
        details = {name: simple(value) for name, value in vars(self).items() if name not in _NOT_DETAILS}
        causes = self.causes if self.causes is not None else causes_of(self)
        shown = {name: value for name, value in details.items() if value is not OPAQUE}
        return {"code": self.code, "message": str(self), **shown, "causes": [asdict(cause) for cause in causes]}

    @staticmethod
    def from_json(data: Mapping[str, Any] | str | bytes) -> HeadwaterError:
        """Read an error back, so that a program can handle one from elsewhere as its own.

        Args:
            data: What `to_json` returned, or that as JSON text.

        Returns:
            An error of the class with that code, if its module was imported, and of `HeadwaterError` with that code
            otherwise. It gives the same `to_json`, and its `__cause__` is the chain of causes.

        Raises:
            ValueError: It is not an error.
        """
        return restored(data, HeadwaterError, _by_code)


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
    """The code of a step is declared in a way that cannot work.

    Args:
        problems: Everything that is wrong, each with its file and line.

    Example:
        >>> from headwater import step
        >>> try:
        ...
        ...     @step("example.bare")
        ...     def bare(text):
        ...         return text
        ... except StepDefinitionError as error:
        ...     print([problem.code for problem in error.problems])
        ['missing-annotation', 'missing-return']
    """


class ExecutionError(HeadwaterError):
    """An execution did not complete.

    Attributes:
        result: The `Result` with what the execution produced; None until the execution has ended.

    Example:
        >>> from headwater import Pipeline, run_sync, step
        >>> @step("example.invert")
        ... def invert(number: int) -> float:
        ...     return 1 / number
        >>> try:
        ...     run_sync(Pipeline("invert", steps={"invert": invert}), [2, 4, 0])
        ... except ExecutionError as error:
        ...     print(error, error.result.output)
        step 'invert' failed: ZeroDivisionError: division by zero [0.5, 0.25]
    """

    result: Any = None  # a `Result`, which the lowest layer cannot name


class StepError(ExecutionError):
    """A step failed; the error it raised is the `__cause__`.

    Args:
        step_id: The step that failed.
        message: What happened, one sentence, without the step's name.
        attempt: Which try of the step failed, from 1.
        path: Ids of the steps from the outermost pipeline to the step that failed.

    Example:
        >>> print(StepError("fetch", "TimeoutError: no answer", attempt=2))
        step 'fetch' failed (attempt 2): TimeoutError: no answer
    """

    def __init__(self, step_id: str, message: str, *, attempt: int = FIRST_ATTEMPT, path: Sequence[str] = ()) -> None:
        super().__init__(step_id, message)
        self.step_id = step_id
        self.message = message
        self.attempt = attempt
        self.path: tuple[str, ...] = tuple(path) or (step_id,)

    def __str__(self) -> str:
        attempt = f" (attempt {self.attempt})" if self.attempt > FIRST_ATTEMPT else ""
        return f"step {' > '.join(map(repr, self.path))} failed{attempt}: {self.message}"


class DeadlockError(ExecutionError):
    """Steps of an execution wait for each other at their edges, and none of them can go on.

    Args:
        waits: What each of them waits for.

    Example:
        >>> print(DeadlockError("step 'b' waits for an item of 'a.out -> b.first'; step 'a' waits for step 'b'"))
        deadlock: step 'b' waits for an item of 'a.out -> b.first'; step 'a' waits for step 'b'
    """

    def __init__(self, waits: str) -> None:
        super().__init__(f"deadlock: {waits}")


class ExecutionTimeoutError(ExecutionError, TimeoutError):
    """An execution took longer than the `timeout.total_s` of its pipeline.

    Args:
        timeout_s: The limit.
        detail: What else is known, as the rest of a sentence.
    """

    def __init__(self, timeout_s: float, detail: str = "") -> None:
        text = f"the execution did not end within its timeout of {timeout_s:g} s (timeout.total_s)"
        super().__init__(f"{text}; {detail}" if detail else text)
        self.timeout_s = timeout_s


class ExecutionCancelled(ExecutionError):  # noqa: N818 - the public name reads like asyncio's and trio's Cancelled
    """The execution was cancelled before it was complete.

    Args:
        message: What happened.
    """

    def __init__(self, message: str = "the execution was cancelled") -> None:
        super().__init__(message)


class StreamError(HeadwaterError):
    """A stream was written or read wrongly, or its writer failed."""


class StreamOrderError(StreamError):
    """A frame is out of the order `header? item* footer?`."""


class StreamConsumedError(StreamError):
    """A stream can be read only once, and this one has already been read.

    Example:
        >>> from headwater import Pipeline, Stream, StepError, run_sync, step
        >>> @step("example.spread")
        ... async def spread(numbers: Stream[int]) -> int:
        ...     return max(await numbers.collect()) - min(await numbers.collect())
        >>> try:
        ...     run_sync(Pipeline("spread", steps={"spread": spread}), [1, 2])
        ... except StepError as error:
        ...     print(type(error.__cause__).__name__)
        StreamConsumedError
    """


class StreamBrokenError(StreamError):
    """The writer of a stream failed or vanished, so the items read so far are incomplete.

    Args:
        message: What happened, one sentence.
        step_id: The step whose failure broke the stream, when it is known.
        execution_id: The execution in which that happened, when it is known.
        writer_error: The error of a writer elsewhere, as `to_json` returned it; it becomes the `__cause__`.
    """

    def __init__(
        self,
        message: str,
        *,
        step_id: str | None = None,
        execution_id: str | None = None,
        writer_error: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.step_id = step_id
        self.execution_id = execution_id
        with suppress(ValueError):  # one without a code, as of other writers
            self.__cause__: BaseException | None = HeadwaterError.from_json(writer_error) if writer_error else None


class FrameTypeError(StreamError):
    """A header, item or footer has another type than the stream declares."""


class MissingExtraError(HeadwaterError, ImportError):
    """A feature needs an optional dependency that is not installed.

    Args:
        feature: What was asked for.
        extra: The extra of the distribution that brings it.

    Example:
        >>> print(MissingExtraError("a virtual clock", "testing"))
        a virtual clock needs an optional dependency: pip install 'headwater[testing]'
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional dependency: pip install 'headwater[{extra}]'")
        self.feature = feature
        self.extra = extra
