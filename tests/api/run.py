"""Try the HTTP API with requests that Schemathesis generates from its description.

    python tests/api/run.py --max-examples 50

A server is started on the loopback with a few pipelines and executions; further arguments go to Schemathesis.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

ROOT = Path(__file__).parents[2]
DOCUMENTS = (
    {"name": "upper", "steps": [{"id": "up", "kind": "text.upper"}]},
    {
        "name": "first",
        "parameters": {"count": {"type": "integer", "default": 2, "minimum": 1, "maximum": 100}},
        "steps": [{"id": "take", "kind": "stream.take", "params": {"n": "${parameters.count}"}}],
    },
)
CONFIG = Path(__file__).parent / "schemathesis.toml"


def served(folder: str) -> tuple[subprocess.Popen[str], str]:
    """Serve a folder on a free port; return the process and the URL."""
    for document in DOCUMENTS:
        Path(folder, f"{document['name']}.json").write_text(json.dumps(document))
    options = ["--port", "0", "--allow-documents", "--limit", "requests_per_minute=100000000"]
    command = [sys.executable, "-m", "headwater.cli", "serve", folder, *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    found = re.search(r"http://\S+", process.stderr.readline())
    assert found is not None
    return process, found[0]


def main(arguments: list[str]) -> int:
    """Run Schemathesis, and return its exit code."""
    with TemporaryDirectory() as folder:
        process, url = served(folder)
        try:
            for name in ("upper", "first"):
                body = json.dumps({"input": ["a"] if name == "first" else "a"}).encode()
                headers = {"content-type": "application/json"}
                request = Request(f"{url}/pipelines/{name}/executions", body, headers)  # noqa: S310 - of the server above
                with urlopen(request) as answer:  # noqa: S310
                    assert answer.status == 201
            command = [
                sys.executable,
                "-m",
                "schemathesis.cli",
                "--config-file",
                str(CONFIG),
                "run",
                f"{url}/openapi.json",
                *arguments,
            ]
            env = {**os.environ, "SCHEMATHESIS_HOOKS": "tests.api.hooks", "PYTHONPATH": str(ROOT)}
            done = subprocess.run(command, check=False, cwd=folder, env=env)
        finally:
            process.terminate()
            process.wait()
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
