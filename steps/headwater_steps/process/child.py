"""A program that runs: it is fed, read and ended, and none of these waits for another.

A generator must not have tasks while it yields. So the tasks that feed a program and read its standard error live only
while its output is waited for, and each of them can be cancelled at any time and continue later: they read and write
without blocking, and a cancelled wait loses nothing.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

from anyio import (
    CancelScope,
    create_task_group,
    current_time,
    fail_after,
    move_on_after,
    open_process,
    wait_readable,
    wait_writable,
)
from anyio.abc import Process
from anyio.lowlevel import checkpoint

from headwater.toolkit import at_abort
from headwater_steps.process.program_errors import ProgramError, ProgramTimeoutError

__all__ = ["Child", "Command", "Feed", "started"]

_READ_BYTES: Final = 64 * 1024
_TAIL_BYTES: Final = 16 * 1024

Feed = Callable[[], Awaitable[bytes]]
"""Returns what the program gets next, nothing at the end; a cancelled wait loses nothing."""


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and how."""

    argv: Sequence[str]
    cwd: Path | None
    env: Mapping[str, str]
    timeout_s: float | None
    kill_after_s: float
    ok_codes: Sequence[int]
    masked: Callable[[str], str]


@asynccontextmanager
async def started(command: Command, feed: Feed) -> AsyncGenerator[Child]:
    """Run a program in a process group of its own, and leave none of its processes behind."""
    if sys.platform == "win32":
        raise ProgramError(command.argv[0], "cannot be run: this needs a POSIX system")
    pipes = [os.pipe() for _ in range(3)]
    (in_read, in_write), (out_read, out_write), (err_read, err_write) = pipes
    try:
        process = await _opened(command, in_read, out_write, err_write)
    except BaseException:
        _close(in_write, out_read, err_read)
        raise
    finally:
        _close(in_read, out_write, err_write)
    child = Child(command, process, feed, in_write, out_read, err_read)
    try:
        with at_abort(child.kill):
            yield child
    finally:
        with at_abort(child.kill), CancelScope(shield=True):
            await child.stop()


async def _opened(command: Command, stdin: int, stdout: int, stderr: int) -> Process:
    program = command.argv[0]
    try:
        with CancelScope(shield=True):  # so that a started program is always tracked
            return await open_process(
                command.argv,
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=command.cwd,
                env=command.env,
                start_new_session=True,
            )
    except FileNotFoundError as error:
        if command.cwd is not None and not command.cwd.is_dir():
            raise ProgramError(program, f"cannot be run: there is no folder {command.cwd} (cwd)") from error
        raise ProgramError(program, "is not found; give its path, or add PATH to inherit_env") from error
    except (OSError, ValueError) as error:
        raise ProgramError(program, f"cannot be run: {error}") from error
    raise RuntimeError("a shielded scope was cancelled, which must not happen")


class Child:
    """A program that runs."""

    def __init__(  # noqa: PLR0917 - a process has three pipes
        self, command: Command, process: Process, feed: Feed, stdin: int, stdout: int, stderr: int
    ) -> None:
        self.stderr_bytes: int = 0
        self._command = command
        self._process = process
        self._feed = feed
        self._pipes = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        self._unwritten = memoryview(b"")
        self._tail = b""
        self._stderr_ended = False
        self._swept = False
        self._failure: Exception | None = None
        self._started = current_time()
        for pipe in self._pipes.values():
            os.set_blocking(pipe, False)

    @property
    def elapsed_s(self) -> float:
        """How long it has been running, in seconds."""
        return current_time() - self._started

    @property
    def stderr(self) -> str:
        """The last of what it has written to its standard error, with secrets masked."""
        return self._command.masked(self._tail.decode(errors="replace"))

    async def read(self) -> bytes:
        """Return what it writes to its standard output next; nothing at its end."""
        with suppress(BlockingIOError):
            chunk = os.read(self._pipes["stdout"], _READ_BYTES)
            await checkpoint()
            self._left_s()
            return chunk
        return await self._meanwhile(self._readable)

    async def exit_code(self) -> int:
        """Wait for its end, and return its exit code."""
        await self._meanwhile(self._exited)
        code = self._process.returncode
        if code is None or code not in self._command.ok_codes:
            raise ProgramError.of_exit(self._command.argv[0], -signal.SIGKILL if code is None else code, self.stderr)
        return code

    def kill(self) -> None:
        """Kill it and whatever it has started, without waiting for it."""
        self._sweep()

    async def stop(self) -> None:
        """Ask it to end, then kill it and whatever it has started."""
        self._shut("stdin")
        if self._process.returncode is None:
            self._signal(signal.SIGTERM)
            with move_on_after(self._command.kill_after_s):
                await self._wait_for_end()
        self._sweep()
        self._shut("stdout", "stderr")
        await self._process.aclose()

    async def _wait_for_end(self) -> None:
        """Wait for its end, and discard what it still writes, which could block it."""
        async with create_task_group() as group:
            group.start_soon(self._drain)
            group.start_soon(self._discard)
            await self._process.wait()
            group.cancel_scope.cancel()

    async def _discard(self) -> None:
        while await self._readable():
            pass

    async def _meanwhile(self, wait: Callable[[], Awaitable[bytes]]) -> bytes:
        """Wait for something, while the program is fed, its standard error is read, and its end is noticed."""
        found = b""
        try:
            with fail_after(self._left_s()):
                async with create_task_group() as group:
                    for work in (self._write, self._drain, self._reap):
                        group.start_soon(self._work, work, group.cancel_scope)
                    found = await wait()
                    group.cancel_scope.cancel()
        except TimeoutError as error:
            raise self._timeout() from error
        if self._failure is not None:
            raise self._failure
        return found

    async def _work(self, work: Callable[[], Awaitable[None]], scope: CancelScope) -> None:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - raised as it is, not in a group with others
            self._failure = error
            scope.cancel()

    async def _write(self) -> None:
        """Write to the program until there is no more data, or the program reads no more."""
        while "stdin" in self._pipes:
            if not self._unwritten:
                self._unwritten = memoryview(await self._feed())
            if not self._unwritten:
                self._shut("stdin")
                return
            try:
                written = os.write(self._pipes["stdin"], self._unwritten)
                self._unwritten = self._unwritten[written:]
            except BlockingIOError:
                await wait_writable(self._pipes["stdin"])
            except BrokenPipeError:
                self._shut("stdin")

    async def _drain(self) -> None:
        """Read what the program writes to its standard error, and keep the last of it."""
        while not self._stderr_ended:
            await wait_readable(self._pipes["stderr"])
            self._take_stderr()

    def _take_stderr(self) -> None:
        """Read what is available; the pipe stays open, because a task may be waiting for it."""
        with suppress(BlockingIOError):
            while chunk := os.read(self._pipes["stderr"], _READ_BYTES):
                self.stderr_bytes += len(chunk)
                self._tail = (self._tail + chunk)[-_TAIL_BYTES:]
            self._stderr_ended = True

    async def _reap(self) -> None:
        """When the program has ended, kill what it has left running, which could keep its output open forever."""
        await self._process.wait()
        self._sweep()

    async def _readable(self) -> bytes:
        while True:
            await wait_readable(self._pipes["stdout"])
            with suppress(BlockingIOError):
                return os.read(self._pipes["stdout"], _READ_BYTES)

    async def _exited(self) -> bytes:
        await self._process.wait()
        self._take_stderr()
        return b""

    def _left_s(self) -> float | None:
        """Return how long it may still take."""
        limit_s = self._command.timeout_s
        left_s = inf if limit_s is None else limit_s - self.elapsed_s
        if left_s <= 0:
            raise self._timeout()
        return None if limit_s is None else left_s

    def _timeout(self) -> ProgramTimeoutError:
        return ProgramTimeoutError(
            self._command.argv[0], f"took longer than {self._command.timeout_s:g} s (timeout_s), and was ended"
        )

    def _sweep(self) -> None:
        """Kill what is left of the process group, once: its number may be reused later."""
        if not self._swept:
            self._swept = True
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # none of the group is left
            os.killpg(self._process.pid, number)

    def _shut(self, *names: str) -> None:
        _close(*(self._pipes.pop(name) for name in names if name in self._pipes))


def _close(*pipes: int) -> None:
    for pipe in pipes:
        os.close(pipe)
