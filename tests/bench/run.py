"""Measure the speed of Headwater and hold it against the bounds: `make bench`, or this file with arguments.

Every row is measured in the same process as the bare nested async-generator hop that it is a ratio to, taking turns.
The exit code is 1 when a row is missed.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import access_log
import bounds
import events
import hops
import loading
import lone
import starting
import streams
import values
import watching
import wire
from measure import Row

MODULES = (values, hops, events, loading, bounds, streams, lone, watching, starting, access_log, wire)
ROWS: list[Row] = [row for module in MODULES for row in module.ROWS]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row; `value` is None when it could not be measured."""

    name: str
    value: float | None
    bound: float
    unit: str
    reached: bool
    absolute: str

    @property
    def line(self) -> str:
        """One line of the table."""
        value = "-" if self.value is None else f"{self.value:,.{1 if self.value >= 10 else 2}f}"
        verdict = "reached" if self.reached else "MISSED"
        return f"{self.name:58} {value:>8} {self.bound:>6,g} {self.unit:6} {verdict:8} {self.absolute}"


HEADING = f"{'row':58} {'measured':>8} {'bound':>6} {'':6} {'':8} in absolute terms"


@contextmanager
def _progress(row: Row, place: str) -> Iterator[None]:
    """Tell on stderr what is being measured."""
    text = f"{place} {row.name}"
    try:
        from rich.console import Console
    except ImportError:
        print(text, file=sys.stderr, flush=True)
        yield
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    with console.status(text):
        yield


def _outcome(row: Row) -> Outcome:
    """Measure a row; one that breaks is missed, and the others are measured all the same."""
    try:
        measured = row.measure()
    except Exception as error:  # noqa: BLE001 - whatever breaks a row is told in its place in the table
        return Outcome(row.name, None, row.bound, row.unit, False, f"{type(error).__name__}: {error}".splitlines()[0])
    return Outcome(row.name, measured.value, row.bound, row.unit, measured.value <= row.bound, measured.absolute)


def _measure(rows: Sequence[Row]) -> Iterator[Outcome]:
    for number, row in enumerate(rows, 1):
        with _progress(row, f"{number}/{len(rows)}"):
            outcome = _outcome(row)
        yield outcome


def _machine() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"


def _show(rows: Sequence[Row]) -> list[Outcome]:
    print(_machine())
    print(HEADING)
    outcomes: list[Outcome] = []
    for outcome in _measure(rows):
        print(outcome.line, flush=True)
        outcomes.append(outcome)
    missed = [outcome for outcome in outcomes if not outcome.reached]
    print(f"{len(outcomes) - len(missed)} of {len(outcomes)} rows reached")
    return outcomes


def _show_backends(*, as_json: bool) -> None:
    table = hops.by_backend()
    if as_json:
        print(json.dumps({"machine": _machine(), "ns": table}, indent=2))
        return
    print(f"{_machine()}, ns")
    print(f"{'':48}" + "".join(f"{backend:>10}" for backend in next(iter(table.values()))))
    for name, figures in table.items():
        print(f"{name:48}" + "".join(f"{ns:>10.0f}" for ns in figures.values()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for, and print it.

    Args:
        arguments: Those of the command line by default.

    Returns:
        The exit code: 0 when every row was reached, 1 when one was missed.
    """
    parser = argparse.ArgumentParser(description="Measure the speed of Headwater.")
    parser.add_argument("--row", action="append", metavar="NAME", help="only rows with this in their name (repeatable)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--backends", action="store_true", help="only compare the hops on asyncio, uvloop and trio")
    options = parser.parse_args(arguments)
    if options.backends:
        _show_backends(as_json=options.json)
        return 0
    rows = [row for row in ROWS if not options.row or any(name.lower() in row.name.lower() for name in options.row)]
    if not rows:
        parser.error("no row has such a name; the rows are:\n  " + "\n  ".join(row.name for row in ROWS))
    started = time.perf_counter()
    if options.json:
        outcomes = list(_measure(rows))
        print(json.dumps({"machine": _machine(), "rows": [asdict(outcome) for outcome in outcomes]}, indent=2))
    else:
        outcomes = _show(rows)
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)
    return 0 if all(outcome.reached for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
