"""JSON Web Tokens of an identity provider."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import jwt
from jwt import PyJWK

from headwater import HeadwaterError
from headwater.toolkit import is_list, is_mapping
from headwater_server.access.key_set import read_key_set
from headwater_server.access.principal import Principal
from headwater_server.access.scope_reading import bearer_token, invalid_token
from headwater_server.refusals import Refusal

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

__all__ = ["JwtTokens"]

_KEY_TYPES: Final = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "PS384": "RSA",
    "PS512": "RSA",
    "ES256": "EC",
    "ES384": "EC",
    "ES512": "EC",
    "EdDSA": "OKP",
}
"""Algorithms with a public key: one with a shared secret could be made by whoever checks it."""

_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}
_SHORTEST_RSA: Final = 2048
_LONGEST_TOKEN: Final = 16 * 1024
_LONGEST_NAME: Final = 500
_LATEST_S: Final = 2**53
_WRONG: Final[dict[type[Exception], str]] = {
    jwt.ExpiredSignatureError: "the token has expired; get a new one",
    jwt.ImmatureSignatureError: "the token is not valid yet",
    jwt.InvalidAudienceError: "the token is for another audience",
    jwt.InvalidIssuerError: "the token is from another issuer",
    jwt.MissingRequiredClaimError: "the token lacks one of the claims exp, aud, iss and sub",
}


class JwtTokens:
    """Callers with JSON Web Tokens, sent as `Authorization: Bearer eyJ...`.

    The algorithms are fixed, and each key is used with its own alone. The claims `exp`, `aud`, `iss` and `sub` are
    required.

    Args:
        key_set: The public keys of the issuer, as a JSON Web Key Set.
        issuer: What `iss` must be.
        audience: What `aud` must contain; with several, one of them.
        algorithms: The algorithms that are accepted, all with public keys.
        scopes: Scopes that each token must have, in `scope` or `scp`.
        leeway_s: How far the clocks of the issuer and of this server may differ, in seconds.
        name_claim: The claim with the name of the caller.

    Raises:
        HeadwaterError: An algorithm is not accepted, or no key fits.
    """

    def __init__(
        self,
        key_set: Mapping[str, Any],
        *,
        issuer: str,
        audience: str | Iterable[str],
        algorithms: Collection[str] = ("RS256", "ES256", "EdDSA"),
        scopes: Iterable[str] = (),
        leeway_s: float = 10.0,
        name_claim: str = "sub",
    ) -> None:
        unknown = sorted(set(algorithms) - _KEY_TYPES.keys())
        if unknown or not algorithms:
            hint = f"expected some of: {', '.join(_KEY_TYPES)}"
            raise HeadwaterError(f"tokens cannot be accepted with the algorithms {unknown}; {hint}")
        self._audience = [audience] if isinstance(audience, str) else list(audience)
        if not issuer or not self._audience or not all(self._audience):
            raise HeadwaterError("tokens are accepted from an issuer, and for an audience; neither may be empty")
        self._issuer = issuer
        self._scopes = frozenset(scopes)
        self._leeway_s = leeway_s
        self._name_claim = name_claim
        self._keys = _usable_keys(key_set, algorithms)

    @classmethod
    def load(cls, source: str | Path, *, issuer: str, audience: str | Iterable[str], **options: Any) -> Self:
        """Return the tokens of an issuer whose keys are in a file or at a URL, which is read once, now.

        It waits for the network: call it before the event loop runs, or in a thread.

        Args:
            source: The file, or the URL (`https`, or `http` on this machine) of a JSON Web Key Set.
            issuer: What `iss` must be.
            audience: What `aud` must contain; with several, one of them.
            options: Other arguments of the class.

        Returns:
            The tokens.

        Raises:
            HeadwaterError: The keys cannot be read, or are not keys.
        """
        return cls(read_key_set(source), issuer=issuer, audience=audience, **options)

    def identify(self, token: str) -> Principal | None:
        """Return who has a token.

        Args:
            token: What the caller sent.

        Returns:
            The caller, or None when it is not a JSON Web Token at all.

        Raises:
            Refusal: The token is not valid (401), or lacks a scope (403).
        """
        if token.count(".") != 2:
            return None
        if len(token) > _LONGEST_TOKEN:
            raise invalid_token("the token is longer than 16 KiB")
        claims = self._verified(token)
        name = claims.get(self._name_claim)
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
            raise invalid_token("the token does not name its caller")
        scopes = _scopes_of(claims)
        if not self._scopes <= scopes:
            expected = " ".join(sorted(self._scopes))
            challenge = f'Bearer realm="headwater", error="insufficient_scope", scope="{expected}"'
            message = f"the token lacks a scope: expected {expected}"
            raise Refusal(403, "insufficient-scope", message, headers={"WWW-Authenticate": challenge})
        return Principal(name, scopes, min(int(claims["exp"]), _LATEST_S) + self._leeway_s)

    def __call__(self, connection: HTTPConnection) -> Principal | None:
        """Return who sent a request, or None when it has no JSON Web Token."""
        token = bearer_token(connection.scope)
        return None if token is None else self.identify(token)

    def _verified(self, token: str) -> dict[str, Any]:
        try:
            head = jwt.get_unverified_header(token)
            if "crit" in head:  # pragma: no cover - newer releases of the library refuse extensions themselves
                raise invalid_token("the token needs an extension that is not supported")
            key_id = head.get("kid")
            keys = [key for key in self._keys.get(str(head.get("alg")), ()) if key_id is None or key.key_id == key_id]
            if len(keys) == 1:
                return self._verified_by(keys[0], token)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise invalid_token(_WRONG.get(type(error), "the token is not valid")) from None
        raise invalid_token("the token is signed by a key or an algorithm that is not accepted")

    def _verified_by(self, key: PyJWK, token: str) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=self._audience,
            issuer=self._issuer,
            leeway=self._leeway_s,
            options={"require": ["exp", "aud", "iss", self._name_claim]},
        )


def _usable_keys(key_set: Mapping[str, Any], algorithms: Collection[str]) -> dict[str, list[PyJWK]]:
    """Return the keys by algorithm; those of other kinds, as for encryption, are left out."""
    listed = key_set.get("keys")
    if not is_list(listed):
        raise HeadwaterError("the JSON Web Key Set has no list `keys`")
    usable: dict[str, list[PyJWK]] = {}
    for number, data in enumerate(listed):
        if not is_mapping(data) or data.get("use", "sig") != "sig":
            continue
        for algorithm in algorithms:
            if data.get("alg", algorithm) == algorithm and _fits(data, algorithm):
                try:
                    usable.setdefault(algorithm, []).append(_checked_key(PyJWK(dict(data), algorithm)))
                except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
                    raise HeadwaterError(f"key {number} of the JSON Web Key Set is not valid: {error}") from None
    if not usable:
        raise HeadwaterError(f"the JSON Web Key Set has no key for signatures with {', '.join(algorithms)}")
    return usable


def _fits(data: Mapping[Any, Any], algorithm: str) -> bool:
    curve = _CURVES.get(algorithm)
    return data.get("kty") == _KEY_TYPES[algorithm] and (curve is None or data.get("crv") == curve)


def _checked_key(key: PyJWK) -> PyJWK:
    if key.key_type == "RSA" and key.key.key_size < _SHORTEST_RSA:
        raise ValueError(f"it has {key.key.key_size} bits, and at least {_SHORTEST_RSA} are expected")
    return key


def _scopes_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the scopes, which providers write as a string or as a list, under one of two names."""
    scopes: set[str] = set()
    for name in ("scope", "scp"):
        value = claims.get(name)
        if isinstance(value, str):
            scopes.update(value.split())
        elif is_list(value):
            scopes.update(one for one in value if isinstance(one, str))
    return frozenset(scopes)
