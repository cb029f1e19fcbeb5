"""Generate a reproducible access log of a web server, of any size.

    python configs/data/make_access_log.py --size-mb 1000 > big.log
    python configs/data/make_access_log.py --lines 500 --format jsonl > small.jsonl

A few pages get most of the requests (Zipf's law), some pages are slow, some fail, and password guessing is refused. In
the text format (the combined format, followed by the request time in seconds), about one line in 10,000 is damaged:
truncated, from another program, or not UTF-8. All addresses are from the documentation ranges (RFC 5737, RFC 3849).
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from math import ceil
from random import Random
from typing import NamedTuple

BLOCK_LINES = 5_000
OUTCOMES = 61
START = datetime(2026, 3, 14, 8, tzinfo=UTC)

AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "ExampleBot/2.1 (+https://bot.example/about)",
    "curl/8.14.1",
)


class Outcome(NamedTuple):
    """One possible outcome of a request."""

    status: int
    duration_ms: int
    size_bytes: int


class Page(NamedTuple):
    """A page with possible outcomes of its requests."""

    method: str
    path: str
    outcomes: list[Outcome]


class Visitor(NamedTuple):
    """A client that requests pages."""

    client: str
    user: str
    referer: str
    agent: str


@dataclass(frozen=True)
class Family:
    """A group of similar pages: their number and their responses."""

    method: str
    path: str
    pages: int
    typical_ms: float
    statuses: str
    size_bytes: int


FAMILIES = (
    Family("GET", "/", 1, 14, "200 " * 19 + "304", 2_300),
    Family("GET", "/static/app-{}.js", 20, 2, "200 " * 3 + "304", 48_000),
    Family("GET", "/rivers/{}", 1_200, 35, "200 " * 28 + "304 404", 9_400),
    Family("GET", "/gauges/{}/levels", 400, 90, "200 " * 39 + "500", 22_000),
    Family("GET", "/search?q=river+{}", 300, 240, "200 " * 59 + "502", 2_700),
    Family("POST", "/login", 1, 110, "302 302 302 401 401 403", 510),
    Family("POST", "/reports", 1, 900, "201 " * 17 + "400 500 503", 180),
    Family("GET", "/wp-login.php", 1, 3, "404", 150),
)

RANKS = {"/": 0, "/login": 9, "/reports": 24, "/wp-login.php": 60}


def pages(random: Random) -> list[Page]:
    """Return all pages, the most requested first.

    Args:
        random: Source of the outcomes.
    """
    known = [
        Page(family.method, family.path.format(number), [_outcome(random, family) for _ in range(OUTCOMES)])
        for family in FAMILIES
        for number in range(1, family.pages + 1)
    ]
    random.shuffle(known)
    for page in known[:]:
        if page.path in RANKS:
            known.remove(page)
            known.insert(RANKS[page.path], page)
    return known


def _outcome(random: Random, family: Family) -> Outcome:
    status = int(random.choice(family.statuses.split()))
    duration_ms = ceil(family.typical_ms * random.lognormvariate(0, 0.9))
    size_bytes = 0 if status == 304 else round(family.size_bytes * random.uniform(0.5, 2)) if status < 300 else 150
    return Outcome(status, duration_ms, size_bytes)


def visitors(random: Random) -> list[Visitor]:
    """Return all visitors, the most frequent first.

    Args:
        random: Source of their properties.
    """
    clients = [f"{net}.{number}" for net in ("192.0.2", "198.51.100", "203.0.113") for number in range(1, 255)]
    clients += [f"2001:db8:{number:x}::{random.randrange(1, 65_536):x}" for number in range(1, 1_501)]
    random.shuffle(clients)
    users, referers = ["-"] * 9 + ["ada"], ["-", "https://rivers.example/", "https://search.example/?q=level"]
    return [Visitor(c, random.choice(users), random.choice(referers), random.choice(AGENTS)) for c in clients]


def requests(random: Random) -> Iterator[tuple[datetime, Visitor, Page, Outcome]]:
    """Yield an endless sequence of requests, ordered by time.

    Args:
        random: Source of all their properties.
    """
    known, people = pages(random), visitors(random)
    weights = [list(accumulate(1 / rank for rank in range(1, len(some) + 1))) for some in (known, people)]
    now = START
    while True:
        chosen = random.choices(known, cum_weights=weights[0], k=BLOCK_LINES)
        who = random.choices(people, cum_weights=weights[1], k=BLOCK_LINES)
        numbers = random.choices(range(OUTCOMES), k=BLOCK_LINES)
        second = random.randint(20, 400)  # the load of the server: requests per second
        for index, (visitor, page, number) in enumerate(zip(who, chosen, numbers, strict=True)):
            if not index % second:
                now += timedelta(seconds=1)
            yield now, visitor, page, page.outcomes[number]


def combined(random: Random, damaged: float) -> Iterator[bytes]:
    """Yield lines of text, some of them damaged.

    Args:
        random: Source of all their properties.
        damaged: Share of the lines that are damaged.
    """
    time, stamp = START, ""
    for now, visitor, page, outcome in requests(random):
        if now is not time:
            time, stamp = now, now.strftime("%d/%b/%Y:%H:%M:%S +0000")
        line = (
            f'{visitor.client} - {visitor.user} [{stamp}] "{page.method} {page.path} HTTP/1.1" {outcome.status} '
            f'{outcome.size_bytes or "-"} "{visitor.referer}" "{visitor.agent}" {outcome.duration_ms / 1000:.3f}\n'
        ).encode()
        yield line if random.random() >= damaged else _damaged(random, line)


def _damaged(random: Random, line: bytes) -> bytes:
    match random.randrange(3):
        case 0:
            return line[: len(line) // 2] + b"\n"
        case 1:
            return b"Traceback (most recent call last):\n"
        case _:
            return line.replace(b" HTTP/1.1", b"/caf\xe9 HTTP/1.1")


def jsonl(random: Random, _damaged: float = 0) -> Iterator[bytes]:
    """Yield lines of JSON, none of them damaged.

    Args:
        random: Source of all their properties.
    """
    time, stamp = START, ""
    for now, visitor, page, outcome in requests(random):
        if now is not time:
            time, stamp = now, f"{now:%Y-%m-%dT%H:%M:%S}Z"
        yield (
            f'{{"time": "{stamp}", "client": "{visitor.client}", "method": "{page.method}", "path": "{page.path}", '
            f'"status": {outcome.status}, "duration_ms": {outcome.duration_ms}, "bytes": {outcome.size_bytes}}}\n'
        ).encode()


FORMATS: dict[str, Callable[[Random, float], Iterator[bytes]]] = {"combined": combined, "jsonl": jsonl}


def log(lines: Iterator[bytes], size_bytes: int) -> Iterator[bytes]:
    """Yield the beginning of a log in blocks.

    Args:
        lines: The log.
        size_bytes: Minimum size; the log ends with the line that reaches it.
    """
    left = size_bytes
    while left > 0:
        block: list[bytes] = []
        for line in islice(lines, BLOCK_LINES):
            block.append(line)
            left -= len(line)
            if left <= 0:
                break
        yield b"".join(block)


def main() -> None:
    """Write a log to standard output, according to the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--size-mb", type=float, default=1.0, help="minimum size, in units of 1,000,000 bytes; default: 1"
    )
    parser.add_argument("--lines", type=int, help="number of lines; overrides --size-mb")
    parser.add_argument("--format", choices=FORMATS, default="combined", help="default: combined")
    parser.add_argument("--damaged", type=float, default=1e-4, help="share of damaged lines of text; default: 0.0001")
    parser.add_argument("--seed", type=int, default=1, help="seed of the random data; default: 1")
    options = parser.parse_args()
    lines = FORMATS[options.format](Random(options.seed), options.damaged)
    blocks = log(lines, round(options.size_mb * 1e6)) if options.lines is None else islice(lines, options.lines)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.writelines(blocks)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
