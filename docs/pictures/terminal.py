"""Run a command in a terminal and create a picture of the screen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROWS = 40
_CONTROL = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-ln-z])|([\r\n])")
_MEMORY = 65_536
_PAPER, _INK = (27, 31, 39), (214, 220, 228)
_COLORS = [
    (72, 79, 88),
    (255, 123, 114),
    (86, 211, 100),
    (227, 179, 65),
    (108, 182, 255),
    (210, 168, 255),
    (86, 212, 221),
]
_BRIGHT = [(139, 148, 158), (255, 161, 152), (126, 231, 135), (242, 204, 96), (150, 208, 255), (226, 197, 255), _INK]
_THEME = TerminalTheme(_PAPER, _INK, [*_COLORS, _INK], [*_BRIGHT, (240, 246, 252)])
# Rich's own format without web fonts: a page must not load anything from other servers.
_FORMAT = """\
<svg xmlns="http://www.w3.org/2000/svg" class="rich-terminal" viewBox="0 0 {width} {height}" width="{width}">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
.{unique_id}-title {{ font: 15px sans-serif; }}
{styles}
</style>
<defs>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class Screen:
    """The screen of a terminal, for a program that redraws whole lines."""

    def __init__(self) -> None:
        self._lines = [""]
        self._row = 0

    def write(self, text: str) -> None:
        """Process output of the program."""
        end = 0
        for match in _CONTROL.finditer(text):
            self._lines[self._row] += text[end : match.start()]
            end = match.end()
            self._control(match)
        self._lines[self._row] += text[end:]

    def _control(self, match: re.Match[str]) -> None:
        if match[3] == "\n":
            self._row += 1
            self._lines += [""] * (self._row == len(self._lines))
        elif match[2] == "A":
            self._row = max(self._row - int(match[1] or 1), 0)
        elif match[2] == "K":
            self._lines[self._row] = ""
        elif match[2] == "J":
            del self._lines[self._row + 1 :]

    def text(self) -> str:
        """Return the lines, including the escape sequences for colors."""
        return "\n".join(self._lines).rstrip()


def screens(command: Sequence[str], folder: Path, columns: int) -> list[str]:
    """Run a command in a terminal and return the screen after each change."""
    screen, found = Screen(), [""]
    for text in _output(command, folder, columns):
        screen.write(text)
        if screen.text() != found[-1]:
            found.append(screen.text())
    return found[1:]


def _output(command: Sequence[str], folder: Path, columns: int) -> Iterator[str]:
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    environment |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(  # noqa: S603 - the commands come from `make.py`
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal
    ):
        os.close(terminal)
        with os.fdopen(master, "rb", buffering=0) as reader:
            rest = b""
            while data := _read(reader.fileno()):
                whole, rest = _whole(rest + data)
                yield whole


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _MEMORY)
    except OSError:  # Linux reports the end of the output this way
        return b""


def _whole(data: bytes) -> tuple[str, bytes]:
    """Return the text up to the last complete character and escape sequence, and the remaining bytes."""
    end = len(data)
    escape = data.rfind(b"\x1b")
    if escape >= 0 and not re.match(rb"\x1b\[[\d;?]*[A-Za-z]", data[escape:]):
        end = escape
    while end and end == len(data):
        try:
            return data.decode(), b""
        except UnicodeDecodeError as error:
            end = error.start
    return data[:end].decode(), data[end:]


def picture(command: str, screen: str, columns: int, name: str) -> str:
    """Return an SVG picture of a terminal with a command and its output."""
    console = Console(record=True, width=columns, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.assemble(("$ ", "bright_black"), (command, "bold")), soft_wrap=True)
    console.print(Text.from_ansi(screen))
    console.print()
    svg = console.export_svg(title="", theme=_THEME, code_format=_FORMAT, unique_id=name)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"
