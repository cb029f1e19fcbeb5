"""The whole body of a response, as text or as the value of its content type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args

from anyio.to_thread import run_sync as run_in_thread

from headwater import StepContext
from headwater.toolkit import read_json
from headwater_steps.files.bad_rows import OnBadText
from headwater_steps.files.encodings import Encoding, undecodable
from headwater_steps.http.http_errors import HttpBrokenError

if TYPE_CHECKING:
    from headwater_steps.http.answer import Answer

__all__ = ["ReadAs", "declared_encoding", "encoding_of", "text_of", "value_of"]

ReadAs = Literal["auto", "json", "text", "bytes"]

_QUICK_BYTES: Final = 64 * 1024
_TEXTS: Final = ("application/xml", "application/javascript", "application/x-www-form-urlencoded", "application/yaml")
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_OTHER_NAMES: Final = {
    "utf8": "utf-8", "us-ascii": "ascii", "iso-8859-1": "latin-1", "iso8859-1": "latin-1", "latin1": "latin-1",
    "windows-1250": "cp1250", "windows-1251": "cp1251", "windows-1252": "cp1252", "gb2312": "gb18030", "gbk": "gb18030",
    "shift-jis": "shift_jis", "sjis": "shift_jis",
}  # fmt: skip
"""Names of charsets (https://www.iana.org/assignments/character-sets) whose encoding has another one."""


def declared_encoding(content_type: str | None) -> Encoding:
    """Return the encoding of text with a content type.

    Example:
        >>> declared_encoding("text/html; charset=ISO-8859-1"), declared_encoding("application/json")
        ('latin-1', 'utf-8')
    """
    match = _CHARSET.search(content_type or "")
    if match is None:
        return "utf-8"
    name = match[1].lower()
    name = _OTHER_NAMES.get(name, name)
    if name not in get_args(Encoding):
        raise ValueError(f"the body has the charset {match[1][:60]!r}, which is not known; set encoding")
    return cast("Encoding", name)


def encoding_of(answer: Answer, encoding: Encoding | None) -> Encoding:
    """Return how the text of a body is encoded."""
    try:
        return declared_encoding(answer.content_type) if encoding is None else encoding
    except ValueError as error:
        raise HttpBrokenError(answer.place, str(error)) from error


async def text_of(answer: Answer, ctx: StepContext, encoding: Encoding | None, on_bad: OnBadText) -> str:
    """Return a body as a string, without a byte order mark."""
    replaces = ctx if on_bad == "replace" else None
    return _decoded(answer, await answer.body(), encoding_of(answer, encoding), replaces)


async def value_of(answer: Answer, read_as: ReadAs) -> Any:
    """Return the value of a body; None when there is no body."""
    body = await answer.body()
    if not body:
        return None
    kind = _kind(answer.content_type) if read_as == "auto" else read_as
    if kind == "json":
        # Parsing holds the interpreter, but a thread lets the loop run before and after it.
        return await run_in_thread(_parsed, answer, body) if len(body) > _QUICK_BYTES else _parsed(answer, body)
    return _decoded(answer, body, encoding_of(answer, None)) if kind == "text" else body


def _kind(content_type: str | None) -> ReadAs:
    media = (content_type or "").partition(";")[0].strip().lower()
    if media == "application/json" or media.endswith("+json"):
        return "json"
    return "text" if media.startswith("text/") or media.endswith("+xml") or media in _TEXTS else "bytes"


def _parsed(answer: Answer, body: bytes) -> Any:
    try:
        return read_json(body)
    except ValueError as error:
        raise HttpBrokenError(answer.place, f"the body is invalid JSON: {error}") from error


def _decoded(answer: Answer, body: bytes, encoding: Encoding, replaces: StepContext | None = None) -> str:
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        reason = f"{undecodable(error)}, at byte {error.start} of the body"
        if replaces is None:
            raise HttpBrokenError(answer.place, f"{reason}; set encoding, or on_bad to replace") from error
        replaces.progress(message=f"{answer.place}: replaced invalid bytes: {reason}", compensations=1)
        text = body.decode(encoding, "replace")
    return text.removeprefix("\ufeff")
