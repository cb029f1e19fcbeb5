"""The pipelines that ship, run on real files and compared with other ways to the same result."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from headwater import ConfigError, Pipeline

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
LOG = CONFIGS / "data" / "access.jsonl"


def pairs(groups: Any) -> list[tuple[Any, int]]:
    """Return groups as plain pairs."""
    return [(group.key, group.count) for group in groups]


def largest(counts: Counter[Any], top: int | None) -> list[tuple[Any, int]]:
    """Return the largest groups as the pipelines promise them."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:top]


@pytest.mark.parametrize(("parameters", "least", "top"), [({}, 4, 20), ({"min_length": 7, "top": 3}, 7, 3)])
async def test_word_report_counts_the_words_of_a_file(parameters: dict[str, int], least: int, top: int) -> None:
    """The report has the most frequent words of a real file, as a few lines of Python find them."""
    path = ROOT / "README.md"
    result = await Pipeline.load(CONFIGS / "word-report.json", {"path": str(path), **parameters}).run()
    words = re.findall("[^\\W_]+(?:['\u2019][^\\W_]+)*", path.read_text("utf-8").lower())
    assert pairs(result.output) == largest(Counter(word for word in words if len(word) >= least), top)


def test_word_report_needs_a_path() -> None:
    """Without a file there is nothing to report, which is told when the document is loaded."""
    with pytest.raises(ConfigError, match="path"):
        Pipeline.load(CONFIGS / "word-report.json")


async def test_access_log_reports_what_failed_and_what_was_slow() -> None:
    """Each of the reports on the log that ships is what a loop over its lines finds."""
    result = await Pipeline.load(CONFIGS / "access-log.json", {"path": str(LOG), "top": 2, "slow_ms": 800}).run()
    log = [json.loads(line) for line in LOG.read_text("utf-8").splitlines()]
    failed = [entry for entry in log if entry["status"] >= 500]
    assert result.output["requests"] == len(log) == 500
    assert result.output["failed_requests"] == len(failed) > 0
    assert {name: pairs(groups) for name, groups in result.output.items() if isinstance(groups, list)} == {
        "statuses": largest(Counter(entry["status"] for entry in log), None),
        "failed_paths": largest(Counter(entry["path"] for entry in failed), 2),
        "slow_paths": largest(Counter(entry["path"] for entry in log if entry["duration_ms"] >= 800), 2),
        "refused_clients": largest(Counter(entry["client"] for entry in log if entry["status"] in {401, 403}), 2),
    }


def test_access_log_has_a_log_of_its_own() -> None:
    """The parameter that names the log leads, from the root of the project, to the one that ships."""
    pipeline = Pipeline.load(CONFIGS / "access-log.json")
    assert ROOT / pipeline.parameters["path"] == LOG
