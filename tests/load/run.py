"""Load a server with many clients, and hold it against the bounds: `make load`, or this file with arguments.

The server, and a bare ASGI endpoint to compare it with, run in processes of their own, with real sockets.
The exit code is 1 when a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from dataclasses import asdict
from pathlib import Path

from picture import picture
from scenarios import Figure, Scale, measured

FULL = Scale(ratio_clients=1000, clients=5000, seconds=20, storm_s=60)
SHORT = Scale(ratio_clients=300, clients=1000, seconds=4, storm_s=3, judges_speed=False)


def main() -> int:
    """Measure, and show the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--short",
        action="store_true",
        help="fewer clients and less time; only what does not depend on the speed of the machine is judged",
    )
    parser.add_argument("--picture", type=Path, help="draw the figures into this file (SVG)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    figures: list[Figure] = []
    for figure in measured(SHORT if arguments.short else FULL):
        figures.append(figure)
        print(line(figure), flush=True)
    if arguments.picture is not None:
        arguments.picture.write_text(picture(figures), "utf-8")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=1), "utf-8")
    return 0 if all(figure.is_good for figure in figures) else 1


def line(figure: Figure) -> str:
    """Return a figure as a line of the table."""
    bound = "" if figure.bound is None else f"at most {figure.bound:g}"
    mark = "" if figure.bound is None else ("ok" if figure.is_good else "MISSED")
    return f"{figure.name:<58} {figure.value:>10.4g} {figure.unit:<4} {bound:<14} {mark}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
