"""The reports of configs/access-log*.json as one writes them by hand: what the pipelines are held against.

    python tests/bench/access_log_by_hand.py combined big.log
    python tests/bench/access_log_by_hand.py jsonl big.jsonl

The output is JSON, a report on each line.
"""

from __future__ import annotations

import heapq
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

LINE = re.compile(
    r'(?P<client>\S+) \S+ \S+ \[[^\]]*\] "(?P<method>[A-Z]+) (?P<path>[^" \\]*(?:\\.[^" \\]*)*)'
    r'(?: [^"\\]*(?:\\.[^"\\]*)*)?" (?P<status>(?P<class>\d)\d\d) (?:\d+|-) '
    r'"[^"\\]*(?:\\.[^"\\]*)*" "[^"\\]*(?:\\.[^"\\]*)*" (?P<seconds>\d+\.\d+)'
)


def combined(path: Path, slow_s: float = 1, top: int = 5) -> dict[str, Any]:
    """Return the reports on a log in the combined format with the time of each request.

    Args:
        path: The log.
        slow_s: A request that took this long is slow.
        top: How many paths and clients to report.
    """
    requests = damaged = 0
    classes: Counter[str] = Counter()
    paths: Counter[str] = Counter()
    failed_paths: Counter[str] = Counter()
    slow_paths: Counter[str] = Counter()
    refused_clients: Counter[str] = Counter()
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            match = LINE.match(line)
            if match is None:
                damaged += 1
                continue
            request = match.groupdict()
            requests += 1
            classes[request["class"]] += 1
            paths[request["path"]] += 1
            if request["class"] == "5":
                failed_paths[request["path"]] += 1
            if float(request["seconds"]) >= slow_s:
                slow_paths[request["path"]] += 1
            if request["status"] in {"401", "403"}:
                refused_clients[request["client"]] += 1
    return {
        "requests": requests,
        "damaged": damaged,
        "classes": largest(classes),
        "paths": largest(paths, top),
        "failed_paths": largest(failed_paths, top),
        "slow_paths": largest(slow_paths, top),
        "refused_clients": largest(refused_clients, top),
    }


def jsonl(path: Path, slow_ms: float = 1000, top: int = 5) -> dict[str, Any]:
    """Return the reports on a log of JSON lines.

    Args:
        path: The log.
        slow_ms: A request that took this long is slow.
        top: How many paths and clients to report.
    """
    requests = failed_requests = 0
    statuses: Counter[int] = Counter()
    failed_paths: Counter[str] = Counter()
    slow_paths: Counter[str] = Counter()
    refused_clients: Counter[str] = Counter()
    with path.open(encoding="utf-8") as file:
        for line in file:
            request = json.loads(line)
            requests += 1
            statuses[request["status"]] += 1
            if request["status"] >= 500:
                failed_requests += 1
                failed_paths[request["path"]] += 1
            if request["duration_ms"] >= slow_ms:
                slow_paths[request["path"]] += 1
            if request["status"] in {401, 403}:
                refused_clients[request["client"]] += 1
    return {
        "requests": requests,
        "statuses": largest(statuses),
        "failed_requests": failed_requests,
        "failed_paths": largest(failed_paths, top),
        "slow_paths": largest(slow_paths, top),
        "refused_clients": largest(refused_clients, top),
    }


def largest(counts: Counter[Any], top: int | None = None) -> list[tuple[Any, int]]:
    """Return the largest groups, those of the same size by their keys.

    Args:
        counts: The size of each.
        top: Most groups to return; all by default.
    """
    return heapq.nsmallest(top or len(counts), counts.items(), key=lambda group: (-group[1], group[0]))


def main() -> None:
    """Print the reports that the command line asks for."""
    format_, path = sys.argv[1:]
    reports = {"combined": combined, "jsonl": jsonl}[format_](Path(path))
    for name, report in reports.items():
        print(json.dumps({name: report}))


if __name__ == "__main__":
    main()
