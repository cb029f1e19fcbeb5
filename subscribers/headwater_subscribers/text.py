"""Numbers and messages as a person reads them on a terminal."""

from __future__ import annotations

__all__ = ["countdown", "duration", "one_line", "quantity"]

_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def quantity(count: float) -> str:
    """Return a number in at most five characters or so.

    Args:
        count: A number from 0.

    Returns:
        The number, from ten thousand on with three digits and a unit.

    Example:
        >>> [quantity(count) for count in (7, 9_999, 12_345, 1_234_567)]
        ['7', '9,999', '12.3k', '1.23M']
    """
    if count < 9_999.5:
        return f"{count:,.0f}" if count >= 10 or count == int(count) else f"{count:.1f}"
    scale, unit = next((scale, unit) for scale, unit in _UNITS if count >= scale * 0.9995)
    value = count / scale
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}{unit}"


def duration(seconds: float) -> str:
    """Return a time span with the two units that matter.

    Args:
        seconds: The time span, from 0.

    Returns:
        Such as `12 ms`, `3.1 s`, `2 min 05 s` or `1 h 40 min`.

    Example:
        >>> [duration(seconds) for seconds in (0.0123, 3.14, 125, 6000)]
        ['12 ms', '3.1 s', '2 min 05 s', '1 h 40 min']
    """
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def countdown(seconds: float) -> str:
    """Return an estimate of the time that is left, as exact as an estimate is.

    Args:
        seconds: The time, from 0.

    Returns:
        Such as `12 s left` or `2 min 05 s left`.

    Example:
        >>> [countdown(seconds) for seconds in (0.2, 11.6, 125)]
        ['1 s left', '12 s left', '2 min 05 s left']
    """
    return f"{max(round(seconds), 1)} s left" if seconds < 59.5 else f"{duration(max(seconds, 60))} left"


def one_line(text: str, limit: int = 200) -> str:
    r"""Return a message that cannot disturb a terminal.

    Args:
        text: Any text.
        limit: How many characters to keep at most.

    Returns:
        One line without control characters, shortened with an ellipsis.

    Example:
        >>> one_line("no file \x1b[31m\n  at all", limit=16)
        'no file [31m at…'
    """
    clean = "".join(char if char.isprintable() else " " for char in text[: 4 * limit])
    joined = " ".join(clean.split())
    return joined if len(joined) <= limit else joined[: limit - 1].rstrip() + "…"
