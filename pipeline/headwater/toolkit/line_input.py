"""Input that arrives as bytes, such as a file or a request body: JSON values or lines of text, while it is read."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final

from headwater.archives.foreign import foreign_format
from headwater.config.notation.strict_json import read_json, read_json_lines
from headwater.errors import ConfigError, Problem
from headwater.wide_text import wide_encoding

__all__ = [
    "TextLines",
    "bad_input",
    "json_lines",
    "json_place",
    "line_batches",
    "strings_of",
    "text_lines",
    "values_of",
]

_LONGEST_BYTES: Final = 16 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PLACE = re.compile(r" at line (?P<line>\d+) column (?P<column>\d+)$")


class TextLines(AsyncIterator[str]):
    r"""Data of a pipeline that is the lines of a text, without their ends.

    Steps that read lines get them as they are, and the plan puts line breaks between them where text is needed.

    Args:
        lines: The lines.

    Example:
        >>> import anyio
        >>> async def body():
        ...     yield b"salt\nwa"
        ...     yield b"ter\n"
        >>> async def main() -> list[str]:
        ...     return [line async for line in text_lines(body())]
        >>> anyio.run(main)
        ['salt', 'water']
    """

    def __init__(self, lines: AsyncGenerator[str]) -> None:
        self._lines = lines

    async def __anext__(self) -> str:
        return await anext(self._lines)

    async def aclose(self) -> None:
        """Close what the lines are read from."""
        await self._lines.aclose()


def text_lines(
    chunks: AsyncIterable[bytes], name: str = "input", *, longest_line_bytes: int = _LONGEST_BYTES
) -> TextLines:
    """Return the lines of text in UTF-8 that arrives in chunks; a byte order mark and the ends of lines are removed.

    Args:
        chunks: The bytes, cut anywhere; closed at the end if they are a generator.
        name: What the problems call the input.
        longest_line_bytes: Largest line that is allowed, in bytes.

    Returns:
        The lines, which can be the data of an execution. Reading them raises `ConfigError` with the code `bad-input`
        and the number of the line.
    """
    return TextLines(strings_of(line_batches(chunks, name, longest_line_bytes), name))


def json_lines(
    chunks: AsyncIterable[bytes], name: str = "input", *, longest_line_bytes: int = _LONGEST_BYTES
) -> AsyncGenerator[Any]:
    r"""Return the values of JSON lines that arrive in chunks; blank lines are skipped.

    Args:
        chunks: The bytes, cut anywhere; closed at the end if they are a generator.
        name: What the problems call the input.
        longest_line_bytes: Largest line that is allowed, in bytes.

    Returns:
        The values, each as soon as its line has arrived. Reading them raises `ConfigError` with the code `bad-input`,
        the number of the line and the column, after the values of the lines before.

    Example:
        >>> import anyio
        >>> async def body():
        ...     yield b'{"level_m": 2.'
        ...     yield b"5}\n[1"
        >>> async def main() -> None:
        ...     try:
        ...         async for value in json_lines(body(), "the body"):
        ...             print(value)
        ...     except ConfigError as error:
        ...         print(error)
        >>> anyio.run(main)
        {'level_m': 2.5}
        the body:2:2: the line is not a JSON value: EOF while parsing a list [bad-input]
    """
    return values_of(line_batches(chunks, name, longest_line_bytes), name)


async def line_batches(
    chunks: AsyncIterable[bytes], name: str, longest_bytes: int = _LONGEST_BYTES
) -> AsyncGenerator[list[bytes]]:
    """Yield the lines that each chunk completes, without their ends and without a byte order mark."""
    begun = bytearray()  # an unfinished line
    number = 0
    async with _closing(chunks):
        async for chunk in chunks:
            if not (number or begun):
                _check_start(chunk, name)
            first, *others = chunk.split(b"\n")
            begun += first
            lines: list[bytes] = []
            if others:
                lines = [_without_mark(bytes(begun)) if number == 0 else bytes(begun), *others]
                begun = bytearray(lines.pop())
            good = _count_within(lines, longest_bytes)
            if good:
                yield [line.removesuffix(b"\r") for line in lines[:good]]
            number += good
            if good < len(lines) or len(begun) > longest_bytes:
                raise bad_input(f"the line is longer than {_size(longest_bytes)}", name, number + 1)
    rest = bytes(begun) if number else _without_mark(bytes(begun))
    if rest := rest.removesuffix(b"\r"):
        yield [rest]


@asynccontextmanager
async def _closing(chunks: AsyncIterable[bytes]) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        if (close := getattr(chunks, "aclose", None)) is not None:
            await close()


def _count_within(lines: list[bytes], longest_bytes: int) -> int:
    """Return the number of lines before the first one that is too long."""
    if not lines or max(map(len, lines)) <= longest_bytes:
        return len(lines)
    return next(place for place, line in enumerate(lines) if len(line) > longest_bytes)


def _size(size_bytes: int) -> str:
    mebibytes, rest = divmod(size_bytes, 2**20)
    return f"{size_bytes} bytes" if rest else f"{mebibytes} MiB"


def _check_start(start: bytes, name: str) -> None:
    """Refuse an input that is not text in UTF-8 by its first bytes."""
    if (foreign := foreign_format(start)) is not None:
        raise bad_input(f"expected text, found {foreign}", name, 1)
    if (wide := wide_encoding(start)) is not None:
        hint = f"convert it, such as with iconv -f {wide[0]} -t utf-8"
        raise bad_input(f"the input is {wide[0].upper()}, but has to be UTF-8; {hint}", name, 1)


def _without_mark(line: bytes) -> bytes:
    return line.removeprefix(_BYTE_ORDER_MARK)


async def strings_of(batches: AsyncGenerator[list[bytes]], name: str) -> AsyncGenerator[str]:
    """Yield lines as text."""
    number = 0
    async with aclosing(batches):
        async for lines in batches:
            for line in lines:
                number += 1
                try:
                    text = line.decode("utf-8")
                except UnicodeDecodeError as error:
                    message = f"the byte 0x{line[error.start]:02x} is not UTF-8"
                    raise bad_input(message, name, number, error.start + 1) from None
                yield text


async def values_of(batches: AsyncGenerator[list[bytes]], name: str) -> AsyncGenerator[Any]:
    """Yield the JSON value of each line that is not blank."""
    number = 0
    async with aclosing(batches):
        async for lines in batches:
            filled = [line for line in lines if line.strip()]
            if (values := read_json_lines(filled, b"\n".join(filled))) is not None:
                number += len(lines)
                for value in values:
                    yield value
                continue
            for line in lines:
                number += 1
                if line.strip():
                    yield _value(line, name, number)


def _value(line: bytes, name: str, number: int) -> Any:
    try:
        return read_json(line)
    except ValueError as error:
        message, _, column = json_place(error)
        raise bad_input(f"the line is not a JSON value: {message}", name, number, column) from None


def json_place(error: ValueError) -> tuple[str, int | None, int | None]:
    """Return the message of the parser without the place that it names, the line and the column."""
    message = str(error)
    if (found := _PLACE.search(message)) is None:
        return message, None, None
    return message[: found.start()], int(found["line"]), max(1, int(found["column"]))


def bad_input(message: str, name: str, line: int | None = None, column: int | None = None) -> ConfigError:
    """Return the error for an input that is not what it should be."""
    return ConfigError(Problem("bad-input", message, file=name, line=line, column=column))
