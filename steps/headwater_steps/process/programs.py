"""The kinds `process.run`, `process.pipe` and `source.process`."""

from __future__ import annotations

from codecs import getincrementalencoder
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Final, Literal

from anyio.lowlevel import checkpoint
from pydantic import BaseModel, Field, field_validator, model_validator

from headwater import Batch, Footer, StepContext, Stream, StreamType
from headwater.toolkit import Decisive, quote
from headwater_steps.files.bad_rows import OnBadText
from headwater_steps.files.encodings import LONGEST_LINE, undecodable, with_line_end
from headwater_steps.files.rows import MaxLineChars, OnBadLineParam, TextRows
from headwater_steps.process.child import Child, Feed, started
from headwater_steps.process.program_errors import ProgramError
from headwater_steps.process.program_step import Argument, ProgramStep

__all__ = ["ItemArgument", "Pipe", "ProgramFooter", "Run", "Source"]

_OPTIONS_END: Final = "--"


class ItemArgument(BaseModel, frozen=True, extra="forbid", title="the item"):
    """The place of the item among the arguments of a program: `{"item": true}`.

    Args:
        item: True.
    """

    item: Literal[True]


class ProgramFooter(BaseModel, frozen=True):
    """What is known about a program after its end.

    Args:
        exit_code: Its exit code.
        lines: How many lines it wrote.
        items: How many of them were read as items.
        bad_rows: Lines with invalid bytes: replaced, skipped or rejected.
        first_bad_lines: Numbers of the first ten of them, from 1.
        stderr_bytes: How much it wrote to its standard error.
        duration_s: How long it ran, in seconds.
    """

    exit_code: int
    lines: int
    items: int
    bad_rows: int
    first_bad_lines: tuple[int, ...]
    stderr_bytes: int
    duration_s: float


Frames = Annotated[
    AsyncGenerator[str | Batch[str] | Footer[ProgramFooter]],
    StreamType(str, None, ProgramFooter, mode="line", to_delta=with_line_end),
]


class Run(ProgramStep, kind="process.run"):
    r"""Run a program, give it the item, and return what it writes to its standard output.

    The item is the program's standard input, or takes the place of `{"item": true}` among the arguments. For a stream,
    the program runs once for each item, one after the other; with `"concurrency": 4` in the document, four at the same
    time. `process.pipe` runs one program for a whole stream.

    There is no shell: arguments are passed as they are, so no character in them has a meaning. But a program may take
    an argument that begins with `-` for an option. Such an item is an error, unless the argument `--` comes before it,
    which ends the options of most programs. The environment is empty except for the variables in the params. An exit
    code that is not in `ok_codes` is an error with the last lines of the standard error. At the end, everything that
    the program has started is ended.

    The operator has to allow the permission `process`.

    Args:
        argv: The program and its arguments; `{"item": true}` among them stands for the item.
        timeout_s: Longest time for an item, in seconds; null for no limit.
        on_bad: What happens to invalid bytes in its output: `fail` is an error,
            `replace` puts U+FFFD there.
        max_output_bytes: Largest output that is accepted; a larger one is an error.

    Returns:
        What the program wrote to its standard output.

    Raises:
        ProgramError: It cannot be run, or failed, or took too long.
        ValueError: The item cannot be an argument, or the output is not valid text or too large.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> sort = Run(argv=["sort", "-r"])
        >>> pipeline = Pipeline("sorted", steps={"sort": sort}, allow={"process"})
        >>> run_sync(pipeline, "salt\nwater\n").output
        'water\nsalt\n'
    """

    argv: Annotated[tuple[Argument | ItemArgument, ...], Decisive(parts=(0,)), Field(min_length=1, max_length=10_000)]
    timeout_s: Annotated[float, Field(gt=0)] | None = 300
    on_bad: OnBadText = "fail"
    max_output_bytes: Annotated[int, Field(ge=1)] = 16 * 1024 * 1024

    @model_validator(mode="after")
    def _names_a_program(self) -> Run:
        if not isinstance(self.argv[0], str) or not self.argv[0]:
            raise ValueError("expected the program first in argv: an item never chooses the program")
        return self

    async def run(self, data: str | bytes, ctx: StepContext) -> str:
        """Run the program once."""
        argv, given = self._given(data)
        async with started(self._command(argv, self.timeout_s, ctx), _once(given)) as child:
            output = await self._output(child, argv[0])
            await child.exit_code()
            _report_stderr(ctx, argv[0], child)
        try:
            return output.decode(self.encoding)
        except UnicodeDecodeError as error:
            reason = f"wrote invalid text: {undecodable(error)}, at byte {error.start}"
            if self.on_bad == "fail":
                raise ProgramError(argv[0], f"{reason}; set another encoding, or on_bad to replace") from error
            ctx.progress(message=f"replaced invalid bytes: {argv[0]} {reason}", compensations=1)
            return output.decode(self.encoding, "replace")

    def _given(self, data: str | bytes) -> tuple[list[str], bytes]:
        """Return the arguments and the standard input for an item."""
        if any(isinstance(argument, ItemArgument) for argument in self.argv):
            return [self._argument(index, data) for index in range(len(self.argv))], b""
        given = data if isinstance(data, bytes) else data.encode(self.encoding)
        return [str(argument) for argument in self.argv], given

    def _argument(self, index: int, data: str | bytes) -> str:
        argument = self.argv[index]
        if isinstance(argument, str):
            return argument
        if isinstance(data, bytes) or "\0" in data:
            raise ValueError("an item must be a string without the NUL character to be an argument; pass it on stdin")
        if data.startswith("-") and _OPTIONS_END not in self.argv[:index]:
            hint = 'put "--" before {"item": true} if the program supports it, or pass the item on stdin'
            raise ValueError(f"the item {quote(data)} would be an option of the program; {hint}")
        return data

    async def _output(self, child: Child, program: str) -> bytes:
        chunks: list[bytes] = []
        size_bytes = 0
        while chunk := await child.read():
            size_bytes += len(chunk)
            if size_bytes > self.max_output_bytes:
                most = self.max_output_bytes
                raise ProgramError(program, f"wrote more than {most} bytes; raise max_output_bytes to take it")
            chunks.append(chunk)
        return b"".join(chunks)


class LineProgram(ProgramStep):
    """The base of the steps whose items are the lines that a program writes."""

    argv: Annotated[
        tuple[Argument, ...],
        Decisive(parts=(0,)),
        Field(min_length=1, max_length=10_000, description="The program and its arguments."),
    ]
    timeout_s: Annotated[
        Annotated[float, Field(gt=0)] | None,
        Field(description="Longest time that it may take, in seconds; by default no limit."),
    ] = None
    on_bad: OnBadLineParam = "fail"
    max_line_chars: MaxLineChars = LONGEST_LINE

    @field_validator("argv")
    @classmethod
    def _names_a_program(cls, argv: tuple[str, ...]) -> tuple[str, ...]:
        if not argv[0]:
            raise ValueError("expected a program first in argv, found an empty string")
        return argv

    async def _lines(self, feed: Feed, ctx: StepContext) -> Frames:
        program = self.argv[0]
        rows = TextRows(f"the output of {program}", self.encoding, self.max_line_chars, self.on_bad, ctx)
        async with started(self._command(self.argv, self.timeout_s, ctx), feed) as child:
            while chunk := await child.read():
                for lines in rows.feed(chunk):
                    yield lines
            for lines in rows.flush():
                yield lines
            code = await child.exit_code()
            _report_stderr(ctx, program, child)
            counts = rows.footer().model_dump(include={"lines", "items", "bad_rows", "first_bad_lines"})
            yield Footer(
                ProgramFooter(exit_code=code, stderr_bytes=child.stderr_bytes, duration_s=child.elapsed_s, **counts)
            )


class Pipe(LineProgram, kind="process.pipe"):
    r"""Run a program through which a stream flows: the items are its lines in, its lines are the items out.

    It runs once for the whole stream, and reads and writes at the same time: its first lines flow on before the last
    items arrive, unless the program waits for all of them, as `sort` does. A reader that leaves ends the program, and a
    program that stops reading, such as `head`, ends the stream before it. An item must not have a line feed.

    As for `process.run`, there is no shell, the environment has only the variables in the params, an exit code that is
    not in `ok_codes` is an error after the lines that arrived, and everything that the program has started is ended.
    The operator has to allow the permission `process`.

    Yields:
        The lines that it writes, and a footer with its exit code and counts.

    Raises:
        ProgramError: It cannot be run, or failed, or took too long.
        BadLineError: A line is too long, or has invalid bytes.
        ValueError: An item has a line feed.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> sort = Pipe(argv=["sort", "-r"])
        >>> pipeline = Pipeline("sorted", steps={"sort": sort}, allow={"process"})
        >>> run_sync(pipeline, ["salt", "water"]).output
        ['water', 'salt']
    """

    async def run(self, items: Stream[str], ctx: StepContext) -> Frames:
        """Run the program."""
        batches, encoder = items.batches(), getincrementalencoder(self.encoding)()

        async def feed() -> bytes:
            lines = await anext(batches, None)
            return b"" if lines is None else encoder.encode(_joined(lines))

        async with aclosing(self._lines(feed, ctx)) as frames:
            async for frame in frames:
                yield frame


class Source(LineProgram, kind="source.process"):
    """Run a program, and read the lines that it writes while it runs.

    Its standard input is empty. As for `process.run`, there is no shell, the environment has only the variables in the
    params, an exit code that is not in `ok_codes` is an error after the lines that arrived, and everything that the
    program has started is ended. A reader that leaves ends the program. The operator has to allow the permission
    `process`.

    Yields:
        The lines that it writes, and a footer with its exit code and counts.

    Raises:
        ProgramError: It cannot be run, or failed, or took too long.
        BadLineError: A line is too long, or has invalid bytes.

    Example:
        >>> from headwater import Pipeline, run_sync
        >>> seq = Source(argv=["seq", "3"])
        >>> run_sync(Pipeline("numbers", steps={"seq": seq}, allow={"process"})).output
        ['1', '2', '3']
    """

    async def run(self, ctx: StepContext) -> Frames:
        """Run the program."""
        async with aclosing(self._lines(_once(b""), ctx)) as frames:
            async for frame in frames:
                yield frame


def _once(data: bytes) -> Feed:
    """Return a feed of some bytes."""
    rest = iter([data] if data else [])

    async def feed() -> bytes:
        await checkpoint()
        return next(rest, b"")

    return feed


def _joined(lines: list[str]) -> str:
    text = "\n".join(lines)
    if text.count("\n") >= len(lines):
        line = next(line for line in lines if "\n" in line)
        raise ValueError(f"the item {quote(line)} has a line feed, so the program would read it as several lines")
    return text + "\n"


def _report_stderr(ctx: StepContext, program: str, child: Child) -> None:
    if child.stderr_bytes:
        ctx.log.info("standard error of a program", program=program, size_bytes=child.stderr_bytes, last=child.stderr)
