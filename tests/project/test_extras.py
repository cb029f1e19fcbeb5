"""An installation without the extras: what works there, and what the message is where one is needed."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.extras import MODULES, without

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOAD_EVERY_KIND = """
import json
from headwater import Pipeline
from tests.acceptance.samples import ALLOW, SAMPLES, document_of

refused = {}
for kind in SAMPLES:
    try:
        places = {"files": ".", "out": ".", "url": "http://127.0.0.1", "remote": "http://127.0.0.1"}
        Pipeline.load(document_of(kind), places, allow=ALLOW)
    except Exception as error:
        refused[kind] = str(error)
print(json.dumps(refused))
"""
OF_EXTRAS = {
    **dict.fromkeys(["source.http", "http.get", "http.request", "http.enrich", "http.lines", "http.chunks"], "http"),
    "control.remote": "client",
    "stream.validate": "schema",
    "text.count_tokens": "tokens",
}
"""The kinds that need an extra."""


def test_table_has_every_extra() -> None:
    """A new extra is tried here, too."""
    assert MODULES.keys() == PROJECT["optional-dependencies"].keys()


def test_kinds_say_which_extra_they_need_when_they_are_loaded() -> None:
    """A document is refused before it runs when one of its kinds needs what is not installed; the others load."""
    done = without(list(MODULES), LOAD_EVERY_KIND)
    refused: dict[str, str] = json.loads(done.stdout or "{}")
    assert refused.keys() == OF_EXTRAS.keys(), done.stderr
    for kind, extra in OF_EXTRAS.items():
        assert refused[kind].startswith("$.steps[0].kind: ")
        assert f"pip install 'headwater[{extra}]'" in refused[kind]


READ_ARRAY = """
import asyncio
from headwater.wire import FrameKind, StreamReader, frame
async def main():
    async def chunks():
        yield frame(FrameKind.OPEN, b'{"version":1}') + frame(FrameKind.ARRAY, b"")
    async for item in StreamReader(chunks()).read_items():
        print(item)
asyncio.run(main())
"""
CHAIN = "Pipeline.load({'name': 'x', 'steps': [{'id': 'it', 'kind': '%s', 'params': %s}]})"


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        pytest.param("yaml", "Pipeline.load('pipeline.yaml')", id="document"),
        pytest.param("zstd", f"run_sync({CHAIN % ('source.lines', {'path': 'lines.txt.zst'})})", id="source by name"),
        pytest.param("zstd", f"run_sync({CHAIN % ('source.lines', {'path': 'lines.txt'})})", id="source by content"),
        pytest.param("zstd", CHAIN % ("source.csv", {"path": "x", "compression": "zstd"}), id="source by param"),
        pytest.param("zstd", f"run_sync({CHAIN % ('sink.text', {'path': 'new.zst'})}, ['a'])", id="sink by name"),
        pytest.param("zstd", CHAIN % ("sink.jsonl", {"path": "x", "compression": "zstd"}), id="sink by param"),
        pytest.param(
            "zstd", CHAIN % ("sink.files", {"folder": "x", "by": "x", "compression": "zstd"}), id="sink of files"
        ),
        pytest.param("zstd", "list(read_events('events.jsonl.zst'))", id="recorded events"),
        pytest.param("opentelemetry", "headwater_subscribers.OpenTelemetrySubscriber()", id="traces"),
        pytest.param("prometheus", "headwater_subscribers.PrometheusSubscriber()", id="metrics"),
        pytest.param("cli", "headwater_subscribers.ConsoleSubscriber(live=True)", id="table"),
        pytest.param("testing", "VirtualClock()", id="clock"),
        pytest.param("arrays", READ_ARRAY, id="array"),
        pytest.param("server", "from headwater_server import create_app", id="server"),
        pytest.param("client", "from headwater_client import Client", id="client"),
        pytest.param("server", "from headwater_server import JwtTokens", id="tokens of callers"),
    ],
)
def test_names_the_extra_where_it_is_needed(extra: str, code: str, tmp_path: Path) -> None:
    """Without an extra, what needs it fails with the command that installs it."""
    if extra == "zstd" and sys.version_info >= (3, 14):
        pytest.skip("Zstandard is part of Python")
    (tmp_path / "pipeline.yaml").write_text("name: x\nsteps: [{id: it, kind: text.words}]\n")
    for name in ("lines.txt.zst", "lines.txt", "events.jsonl.zst"):
        (tmp_path / name).write_bytes(b"\x28\xb5\x2f\xfd\x04\x00\x09\x00\x00a\n")
    imports = (
        "import headwater_subscribers\n"
        "from headwater import Pipeline, run_sync\n"
        "from headwater.testing import VirtualClock\n"
        "from headwater_subscribers import read_events\n"
    )
    done = without([extra], imports + code, tmp_path)
    assert done.returncode == 1
    assert f"pip install 'headwater[{extra}]'" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("module", ["typer", "rich"])
@pytest.mark.parametrize("command", ["", "run", "new"])
def test_command_names_its_extra(module: str, command: str) -> None:
    """Whatever the command is to do, it says what the command line needs."""
    code = f"import sys\nsys.modules['{module}'] = None\nsys.argv = ['headwater', {command!r}]\n"
    done = without([], code + "from headwater.cli import main\nmain()")
    assert done.returncode == 2
    assert done.stderr == f"headwater: the command line needs {module}: pip install 'headwater[cli]'\n"


def test_command_of_the_server_names_its_extra() -> None:
    """What serves needs more than what manages keys."""
    code = "import sys\nfrom headwater.cli import main\nsys.argv = ['headwater', *{}]\nmain()"
    done = without(["server"], code.format(["serve", "configs"]))
    assert done.returncode == 2
    assert done.stderr.endswith("the server needs an optional dependency: pip install 'headwater[server]'\n")
    assert "does not exist" in without(["server"], code.format(["keys", "list"])).stderr


def test_pipeline_runs_when_no_extra_is_installed() -> None:
    """The base package loads, plans, runs and observes a pipeline."""
    code = """
from headwater import Pipeline, run_sync
from headwater_subscribers import ConsoleSubscriber, LogSubscriber, MetricsSubscriber, TimelineSubscriber

steps = [{"id": "words", "kind": "text.words"}, {"id": "count", "kind": "stream.count"}]
pipeline = Pipeline.load({"name": "words", "steps": steps})
pipeline.plan()
subscribers = [ConsoleSubscriber(), LogSubscriber(), MetricsSubscriber(), TimelineSubscriber()]
print(run_sync(pipeline, ["salt and water"], subscribers=subscribers).output)
"""
    done = without(list(MODULES), code)
    assert (done.stdout, done.returncode) == ("3\n", 0), done.stderr
