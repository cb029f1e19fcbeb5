"""What the options of `serve` say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from headwater_server.access.gate import Auth
    from headwater_server.settings import Limits

__all__ = ["AccessOptions", "Choices", "limits_of"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What is served, and how."""

    pipelines: Sequence[Path]
    host: str
    port: int
    files: Sequence[Path]
    steps: Sequence[str]
    allow: Sequence[str]
    allow_documents: bool
    limits: Sequence[str]
    drain_s: float
    reload: bool
    ws_compression: bool


@dataclass(frozen=True, slots=True)
class AccessOptions:
    """Who may use the server."""

    keys: Path | None
    jwks: str | None
    issuer: str
    audience: str
    insecure: bool
    origins: Sequence[str]

    def auth(self) -> Auth | None:
        """Return how callers are identified; None for not at all."""
        if self.keys is not None and self.jwks is not None:
            raise typer.BadParameter("give either --keys or --jwks")
        if self.keys is not None:
            from headwater_server.access.api_keys import ApiKeys

            return ApiKeys.load(self.keys)
        if self.jwks is None:
            return None
        if not self.issuer or not self.audience:
            raise typer.BadParameter("--jwks needs --issuer and --audience, which every token must have")
        from headwater_server.access.jwt_tokens import JwtTokens

        return JwtTokens.load(self.jwks, issuer=self.issuer, audience=self.audience)


def limits_of(settings: Sequence[str]) -> Limits:
    """Return the limits that options such as `executions=50` set."""
    from headwater_server.settings import Limits

    defaults: dict[str, float] = asdict(Limits())
    given: dict[str, Any] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in defaults:
            raise typer.BadParameter(f"there is no limit {name!r}; choose one of {', '.join(defaults)}")
        try:
            given[name] = type(defaults[name])(text)
        except ValueError:
            raise typer.BadParameter(f"the limit {name} is {text!r}, but a number is expected") from None
    try:
        return Limits(**given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
