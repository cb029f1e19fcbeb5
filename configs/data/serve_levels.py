"""Serve river levels on this machine, for configs/enrich-gauges.json.

    python configs/data/serve_levels.py --port 8765

`/level?gauge=G01` returns JSON such as `{"gauge": "G01", "level_m": 1.45}`. A gauge without a valid reading gives 404.
"""

from __future__ import annotations

import argparse
import csv
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

READINGS = Path(__file__).with_name("readings.csv")


def levels() -> dict[str, float]:
    """Return the latest level of each gauge, in meters."""
    found: dict[str, float] = {}
    with READINGS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            level = row["level_m"]
            if level and level.replace(".", "", 1).isdecimal():
                found[row["gauge"]] = float(level)
    return found


class Levels(BaseHTTPRequestHandler):
    """Answers with the level of one gauge."""

    known = levels()

    def do_GET(self) -> None:
        """Answer a request."""
        address = urlsplit(self.path)
        gauge = parse_qs(address.query).get("gauge", [""])[0]
        found = address.path == "/level" and gauge in self.known
        answer = {"gauge": gauge, "level_m": self.known[gauge]} if found else {"error": f"no level of {gauge!r}"}
        body = json.dumps(answer).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=8765, help="default: 8765; 0 selects a free port")
    with ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Levels) as server:
        print(f"http://127.0.0.1:{server.server_port}/level", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
