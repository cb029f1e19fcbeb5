"""The page that shows the description of the API, without anything from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from pydantic_core import to_json

__all__ = ["docs_page"]

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Headwater API</title>
<link rel="stylesheet" href="{root}/docs/style.css">
</head>
<body>
<header><h1>Headwater API</h1>
<p>{text} The whole description: <a href="{root}/openapi.json">openapi.json</a>. <a href="{root}/">Monitor</a></p>
</header>
<main>
{body}
</main>
</body>
</html>
"""

STYLE = """:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; }
h2 { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); margin-top: 2rem; }
details { margin: .4rem 0; }
summary { cursor: pointer; padding: .3rem .5rem; border-radius: .3rem;
  background: color-mix(in srgb, currentColor 7%, transparent); }
code, pre { font: 13px/1.45 ui-monospace, monospace; }
summary b { display: inline-block; min-width: 4.5rem; }
pre { overflow: auto; padding: .6rem; background: color-mix(in srgb, currentColor 5%, transparent); }
"""


def docs_page(description: Mapping[str, Any], root: str) -> str:
    """Return the page for a description."""
    tags: dict[str, list[str]] = {}
    for path, operations in description["paths"].items():
        for method, one in operations.items():
            tags.setdefault(one["tags"][0], []).append("\n".join(_operation(path, method, one)))
    sections = [f"<section><h2>{escape(tag)}</h2>\n{chr(10).join(found)}\n</section>" for tag, found in tags.items()]
    body = "\n".join(sections)
    return _PAGE.format(root=escape(root), text=escape(description["info"]["description"]), body=body)


def _operation(path: str, method: str, one: Mapping[str, Any]) -> Iterator[str]:
    yield f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> {escape(one['summary'])}</summary>"
    if parameters := one.get("parameters"):
        yield "<ul>"
        for parameter in parameters:
            name, text = escape(parameter["name"]), escape(parameter["description"])
            yield f"<li><code>{name}</code> ({parameter['in']}): {text}</li>"
        yield "</ul>"
    if body := one.get("requestBody"):
        yield "<p>Body</p>"
        yield from _content(body["content"])
    for status, response in one["responses"].items():
        yield f"<p>{status}: {escape(response['description'])}</p>"
        if status.startswith("2"):
            yield from _content(response.get("content", {}))
    yield "</details>"


def _content(content: Mapping[str, Any]) -> Iterator[str]:
    for media_type, form in content.items():
        schema = to_json(form["schema"], indent=2).decode()
        yield f"<p><code>{escape(media_type)}</code></p><pre>{escape(schema)}</pre>"
