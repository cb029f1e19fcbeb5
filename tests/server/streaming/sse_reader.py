"""A reader of server-sent events that follows the WHATWG specification word by word."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from typing import Any


@dataclass
class SseReader:
    """What an `EventSource` does with the bytes of a response."""

    events: list[tuple[str, str, str]] = field(default_factory=list[Any])  # type, data, last event id
    last_id: str = ""
    retry_ms: int | None = None
    _decoder: Any = None
    _rest: str = ""
    _is_first: bool = True
    _id: str = ""
    _type: str = ""
    _data: list[str] = field(default_factory=list[str])

    def feed(self, chunk: bytes) -> SseReader:
        """Take bytes into account, which may be cut anywhere."""
        if self._decoder is None:
            self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text = self._rest + self._decoder.decode(chunk)
        if self._is_first and text:
            text = text.removeprefix("\ufeff")
            self._is_first = False
        held = text.endswith("\r")  # perhaps the first half of CRLF
        lines = re.split("\r\n|\n|\r", text[:-1] if held else text)
        self._rest = lines.pop() + ("\r" if held else "")
        for line in lines:
            self._line(line)
        return self

    def _line(self, line: str) -> None:
        if not line:
            self._dispatch()
            return
        if line.startswith(":"):
            return
        name, colon, value = line.partition(":")
        value = value.removeprefix(" ") if colon else ""
        if name == "event":
            self._type = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_ms = int(value)

    def _dispatch(self) -> None:
        self.last_id = self._id
        if self._data:
            self.events.append((self._type or "message", "\n".join(self._data), self.last_id))
        self._data, self._type = [], ""
