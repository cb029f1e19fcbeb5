"""How the items of an output become bytes: as lines, or as a typed stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pydantic import PydanticUserError

from headwater.cli.command_options import OutputFormat
from headwater.cli.runs.output import OutputError
from headwater.errors import ConfigError, Problem, StreamBrokenError, StreamError
from headwater.toolkit.json_items import item_json, unwritable
from headwater.wire.stream_writer import StreamWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headwater.cli.command_options import RunOptions
    from headwater.streams.frames import StreamType

__all__ = ["ItemWriter", "encoder", "item_writers"]


class ItemWriter(Protocol):
    """Turns one output into bytes."""

    def header(self, header: Any, /) -> bytes:
        """Return the bytes of the header, which may be None."""
        ...

    def items(self, items: Sequence[Any], /) -> bytes:
        """Return the bytes of items."""
        ...

    def footer(self, footer: Any, /) -> bytes:
        """Return the bytes of the footer, which may be None."""
        ...

    def end(self, error: Exception | None, /) -> bytes:
        """Return the bytes that follow the last item of an execution that is complete, or has failed."""
        ...


def item_writers(outputs: Mapping[str, StreamType], options: RunOptions) -> list[ItemWriter]:
    """Return what writes each output of a pipeline."""
    names = list(outputs)
    if options.output_format is not OutputFormat.HEADWATER:
        as_json = options.as_json or options.output_format is OutputFormat.JSONL
        return [_Lines(encoder(as_json=as_json, name=name if len(names) > 1 else None)) for name in names]
    if len(names) != 1:
        message = f"the format headwater is one stream, but the pipeline has the outputs {', '.join(names)}"
        raise ConfigError(Problem("bad-output", message, hint="name one of them as the output of the pipeline"))
    return [_Frames(_stream_writer(outputs[names[0]]))]


def _stream_writer(declared: StreamType) -> StreamWriter[Any, Any, Any]:
    try:
        return StreamWriter(declared.item, declared.header, declared.footer)
    except PydanticUserError:  # a type that has no form as JSON: what of it has one is known when an item is written
        return StreamWriter()


class _Lines:
    """A line per item; headers and footers have no place there."""

    def __init__(self, encode: Callable[[Any], bytes]) -> None:
        self._encode = encode

    def header(self, _header: Any) -> bytes:
        return b""

    def items(self, items: Sequence[Any]) -> bytes:
        return b"".join(map(self._encode, items))

    def footer(self, _footer: Any) -> bytes:
        return b""

    def end(self, _error: Exception | None) -> bytes:
        return b""


class _Frames:
    """A typed stream, which another run can read."""

    def __init__(self, writer: StreamWriter[Any, Any, Any]) -> None:
        self._writer = writer
        self._is_whole = False

    def header(self, header: Any) -> bytes:
        return b"" if header is None else self._written(self._writer.write_header, header)

    def items(self, items: Sequence[Any]) -> bytes:
        return self._written(self._writer.write_items, items)

    def footer(self, footer: Any) -> bytes:
        self._is_whole = True
        return b"" if footer is None else self._written(self._writer.write_footer, footer)

    def end(self, error: Exception | None) -> bytes:
        if error is None and self._is_whole:
            return self._writer.write_end()
        return self._writer.write_break(error or StreamBrokenError("the output was not read to its end"))

    @staticmethod
    def _written(write: Callable[[Any], bytes], value: Any) -> bytes:
        try:
            return write(value)
        except StreamError as error:
            raise OutputError(f"the output cannot be written: {error}") from error


def encoder(*, as_json: bool, name: str | None = None) -> Callable[[Any], bytes]:
    r"""Return a function that encodes an item as a line, with the name of its output if there are several.

    Example:
        >>> encoder(as_json=False)("water"), encoder(as_json=True)("water"), encoder(as_json=False, name="n")(3)
        (b'water\n', b'"water"\n', b'{"output":"n","item":3}\n')
    """

    def encode(item: Any) -> bytes:
        if name is not None:
            item = {"output": name, "item": item}
        try:
            if isinstance(item, str) and not as_json:
                return item.encode("utf-8", "surrogateescape") + b"\n"
            return item_json(item) + b"\n"
        except UnicodeEncodeError as error:  # half of a surrogate pair
            raise OutputError(str(unwritable(item, error))) from None
        except ValueError as error:
            raise OutputError(str(error)) from None

    return encode
