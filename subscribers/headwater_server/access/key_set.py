"""Reading a JSON Web Key Set from a file or a URL, once, at the start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from headwater import HeadwaterError
from headwater.toolkit import is_object
from headwater_server.access.origins import is_loopback

__all__ = ["read_key_set"]

_LARGEST_BYTES: Final = 1024 * 1024
_TIMEOUT_S: Final = 10.0


def read_key_set(source: str | Path) -> dict[str, Any]:
    """Return the key set of a file or a URL, or raise an error that says where it was looked for."""
    try:
        if isinstance(source, str) and "://" in source:
            content = _fetched(source)
        else:
            with Path(source).open("rb") as file:
                content = file.read(_LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:  # URLError is an OSError
        if isinstance(error, HTTPError):
            error.close()
        reason = error.reason if isinstance(error, URLError) else error
        raise HeadwaterError(f"the JSON Web Key Set {source} cannot be read: {reason}") from error
    if len(content) > _LARGEST_BYTES:
        raise HeadwaterError(f"the JSON Web Key Set {source} is larger than 1 MiB")
    try:
        data: object = json.loads(content)
    except (ValueError, RecursionError):
        data = None
    if not is_object(data):
        raise HeadwaterError(f"the JSON Web Key Set {source} is not a JSON object")
    return data


def _fetched(url: str) -> bytes:
    opener = build_opener(_SafeRedirects())
    request = Request(_checked(url), headers={"Accept": "application/json"})  # noqa: S310 - checked
    with opener.open(request, timeout=_TIMEOUT_S) as response:
        content: bytes = response.read(_LARGEST_BYTES + 1)
    return content


def _checked(url: str) -> str:
    """Return a URL whose answer no other machine can change on the way."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise ValueError(f"{url} is not an https URL; keys are fetched by https, or by http from this machine")
    return url


class _SafeRedirects(HTTPRedirectHandler):
    """Follows redirects to checked URLs alone."""

    def redirect_request(  # noqa: PLR0917 - of the base
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        """Return the next request."""
        try:
            return super().redirect_request(req, fp, code, msg, headers, _checked(newurl))
        except ValueError:
            fp.close()
            raise
