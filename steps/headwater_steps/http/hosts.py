"""Hosts that a step may request: what a document allows before anything is sent."""

from __future__ import annotations

from typing import Final

from headwater.toolkit import AllowedHosts
from headwater_steps.http.http_errors import HttpRefusedError

__all__ = ["Hosts"]

_SCHEMES: Final = {"http", "https"}


class Hosts(AllowedHosts):
    """The hosts that may be requested."""

    def check(self, place: str, scheme: str, host: str, port: int | None) -> None:
        """Refuse what must not be requested."""
        if scheme not in _SCHEMES:
            raise HttpRefusedError(place, "expected a URL that starts with http:// or https://")
        if not host:
            raise HttpRefusedError(place, "expected a URL with a host")
        if port is not None and not 0 < port < 65_536:
            raise HttpRefusedError(place, f"expected a port from 1 to 65535, found {port}")
        if not self.allow(scheme, host, port):
            shown = f"{host}:{port}" if port is not None else host
            raise HttpRefusedError(
                place, f"the host {shown} is not among the allowed ones ({', '.join(self.patterns)}); add it to hosts"
            )
