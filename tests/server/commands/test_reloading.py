"""How `headwater serve --reload` goes on when what it watches is odd, or gone for a while."""

from __future__ import annotations

import json
import os
from pathlib import Path

import httpx2
import pytest

from tests.server.commands.test_stopping import served

UPPER = json.dumps({"name": "upper", "steps": [{"id": "up", "kind": "text.upper"}]})


def test_server_goes_on_when_its_folder_is_odd_or_gone(tmp_path: Path) -> None:
    """A name that is not UTF-8, and a folder that is removed and made again, disturb no document."""
    pytest.importorskip("watchfiles")
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "upper.json").write_text(UPPER)
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/\xff.json"))
    with served(folder, "--reload", "--limit", "requests_per_minute=1000000") as (process, url):

        def wait_for(states: dict[str, str]) -> None:
            found: dict[str, str] = {}
            while found != states:
                assert process.poll() is None
                listed = httpx2.get(f"{url}/pipelines").json()["pipelines"]
                found = {one["name"]: one["state"] for one in listed}

        wait_for({"upper": "ready"})
        odd.write_text(UPPER)
        wait_for({"upper": "ready", "?": "broken"})
        odd.unlink()
        wait_for({"upper": "ready"})
        (folder / "upper.json").unlink()
        folder.rmdir()
        wait_for({"documents": "broken"})
        folder.mkdir()
        (folder / "upper.json").write_text(UPPER)
        wait_for({"upper": "ready"})
