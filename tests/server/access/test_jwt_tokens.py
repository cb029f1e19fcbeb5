"""JSON Web Tokens: what is accepted, and every way of forging one that is known."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from starlette.requests import HTTPConnection

from headwater import HeadwaterError
from headwater_server.access.gate import Gate
from headwater_server.access.jwt_tokens import JwtTokens
from headwater_server.refusals import Refusal
from tests.server.access.scopes import http, websocket

ISSUER, AUDIENCE = "https://login.example.com", "headwater"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SMALL_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - what is refused
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
RSA_PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(algorithm: Any, key: Any, **members: Any) -> dict[str, Any]:
    """Return the public part of a key."""
    data: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: value for name, value in data.items() if name != "key_ops"} | members


KEY_SET = {
    "keys": [
        jwk(RSAAlgorithm, RSA, kid="rsa", use="sig", alg="RS256"),
        jwk(RSAAlgorithm, OTHER_RSA, kid="for encryption", use="enc"),
        jwk(ECAlgorithm, EC, kid="ec"),
        jwk(OKPAlgorithm, ED, kid="ed"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared", "alg": "HS256"},
        "not a key",
    ]
}


def tokens(**options: Any) -> JwtTokens:
    """Return the tokens of the issuer."""
    return JwtTokens(KEY_SET, **dict[str, Any](issuer=ISSUER, audience=AUDIENCE) | options)


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a valid token, with changes; None leaves a claim out."""
    made = {"sub": "ada", "iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 600} | changes
    return {name: value for name, value in made.items() if value is not None}


def signed(key: Any = RSA, algorithm: str | None = "RS256", kid: str | None = "rsa", **changes: Any) -> str:
    """Return a token."""
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers=headers)


def by_hand(head: Mapping[str, Any], body: Mapping[str, Any], signature: bytes = b"") -> str:
    """Return a token as an attacker writes it, without a library that objects."""
    parts = [json.dumps(head).encode(), json.dumps(body).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def hmac_with_public_key() -> str:
    """Return a token whose HMAC is made with the public key, which anyone has."""
    import hashlib
    import hmac

    start = by_hand({"alg": "HS256", "kid": "rsa", "typ": "JWT"}, claims()).rpartition(".")[0]
    mac = hmac.new(RSA_PEM, start.encode(), hashlib.sha256).digest()
    return f"{start}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def refusal(token: str, **options: Any) -> Refusal:
    """Return why a token is refused."""
    with pytest.raises(Refusal) as caught:
        tokens(**options).identify(token)
    return caught.value


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(RSA, "RS256", "rsa"), (EC, "ES256", "ec"), (ED, "EdDSA", "ed"), (RSA, "RS256", None), (EC, "ES256", None)],
)
def test_token_names_its_caller(key: Any, algorithm: str, kid: str | None) -> None:
    """The subject is the name of the caller, until the token expires."""
    expires = int(time.time()) + 600
    caller = tokens().identify(signed(key, algorithm, kid, exp=expires, scope="read write"))
    assert caller is not None
    assert (caller.name, caller.scopes) == ("ada", {"read", "write"})
    assert caller.expires_s == expires + 10
    assert not caller.is_valid(expires + 10)


@pytest.mark.parametrize("algorithm", ["RS384", "PS256"])
def test_algorithm_is_pinned(algorithm: str) -> None:
    """A key that has its algorithm signs with no other one, even if the server accepts that."""
    assert "not accepted" in refusal(signed(algorithm=algorithm), algorithms=["RS256", algorithm]).message


FORGED: dict[str, tuple[Callable[[], str], str]] = {
    "no algorithm": (lambda: by_hand({"alg": "none"}, claims()), "not accepted"),
    "No algorithm": (lambda: by_hand({"alg": "None", "kid": "rsa"}, claims()), "not accepted"),
    "a list as algorithm": (lambda: by_hand({"alg": ["RS256"]}, claims()), "not "),
    "no header": (lambda: by_hand({}, claims()), "not accepted"),
    "an empty signature": (lambda: by_hand({"alg": "RS256", "kid": "rsa"}, claims()), "not valid"),
    "the public key as a secret": (hmac_with_public_key, "not accepted"),
    "a shared secret": (lambda: signed("secret" * 8, "HS256", "shared"), "not accepted"),
    "another key": (lambda: signed(OTHER_RSA), "not valid"),
    "a key for encryption": (lambda: signed(OTHER_RSA, kid="for encryption"), "not accepted"),
    "an unknown key": (lambda: signed(kid="nix"), "not accepted"),
    "the key of another algorithm": (lambda: signed(EC, "ES256", "rsa"), "not accepted"),
    "an unknown extension": (
        lambda: jwt.encode(claims(), RSA, "RS256", headers={"kid": "rsa", "crit": ["exp"], "exp": 1}),
        "not ",
    ),
    "a key of its own": (
        lambda: jwt.encode(claims(), OTHER_RSA, "RS256", headers={"jwk": jwk(RSAAlgorithm, OTHER_RSA)}),
        "not valid",
    ),
    "an expired token": (lambda: signed(exp=int(time.time()) - 11), "has expired"),
    "a token of tomorrow": (lambda: signed(nbf=int(time.time()) + 86_400), "not valid yet"),
    "another audience": (lambda: signed(aud="billing"), "another audience"),
    "a longer audience": (lambda: signed(aud="headwater2"), "another audience"),
    "another issuer": (lambda: signed(iss="https://login.example.com.evil.example"), "another issuer"),
    "no expiry": (lambda: signed(exp=None), "lacks one of the claims"),
    "no audience": (lambda: signed(aud=None), "lacks one of the claims"),
    "no issuer": (lambda: signed(iss=None), "lacks one of the claims"),
    "no subject": (lambda: signed(sub=None), "lacks one of the claims"),
    "an empty subject": (lambda: signed(sub=""), "does not name its caller"),
    "a long subject": (lambda: signed(sub="a" * 501), "does not name its caller"),
    "an expiry that is text": (lambda: signed(exp="never"), "not valid"),
    "a long token": (lambda: signed(more="a" * 20_000), "longer than 16 KiB"),
    "no JSON": (lambda: "a.b.c", "not valid"),
    "empty parts": (lambda: "..", "not valid"),
}


@pytest.mark.parametrize("forged", FORGED)
def test_token_is_refused_when_it_is_forged_or_not_for_us(forged: str) -> None:
    """The refusal says what is wrong in general, and never what is in the token."""
    make, message = FORGED[forged]
    token = make()
    found = refusal(token)
    assert (found.status, found.code) == (401, "invalid-token")
    assert message in found.message
    assert not [part for part in token.split(".") if len(part) > 4 and part in f"{found.to_json()} {found.headers}"]


def test_claims_are_changed_without_effect() -> None:
    """A signature fits its claims alone."""
    head, _, signature = signed().split(".")
    body = by_hand({}, claims(sub="root")).split(".")[1]
    assert refusal(f"{head}.{body}.{signature}").status == 401


def test_expiry_is_bounded_when_it_is_beyond_all_numbers() -> None:
    """A provider that means forever writes large numbers."""
    caller = tokens().identify(signed(exp=10**400))
    assert caller is not None
    assert caller.is_valid()


def test_token_is_refused_with_what_is_missing_when_it_lacks_a_scope() -> None:
    """The caller is known and may not, so the status is 403."""
    assert tokens(scopes=["headwater"]).identify(signed(scp=["headwater", "other", 3])) is not None
    found = refusal(signed(scope="other"), scopes=["headwater"])
    assert (found.status, found.code) == (403, "insufficient-scope")
    assert 'scope="headwater"' in found.headers["WWW-Authenticate"]


def test_other_claims_and_audiences_are_an_option() -> None:
    """Providers name their users in different claims."""
    caller = tokens(name_claim="email", audience=["a", "b"]).identify(signed(email="ada@x.example", aud=["b", "c"]))
    assert caller is not None
    assert caller.name == "ada@x.example"
    assert refusal(signed(), name_claim="email").status == 401


def test_what_is_not_a_token_is_left_to_others() -> None:
    """Keys and tokens can be combined: one that is not a token has another form."""
    assert tokens().identify("hw_key") is None
    assert tokens()(HTTPConnection(http())) is None
    caller = tokens()(HTTPConnection(http(authorization=f"Bearer {signed()}")))
    assert caller is not None
    assert caller.name == "ada"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (signed(), "ada"),
        (signed(exp=1), 401),
        (signed(aud="billing"), 401),
        (by_hand({"alg": "none"}, claims()), 401),
    ],
    ids=["good", "expired", "for others", "without a signature"],
)
async def test_gate_asks_the_tokens(token: str, expected: str | int) -> None:
    """The gate lets in who has a token, on every kind of request."""
    gate = Gate(tokens())
    for scope in (http(), http("POST"), websocket()):
        scope["headers"].append((b"authorization", f"Bearer {token}".encode()))
        try:
            async with gate.admit(scope) as principal:
                assert principal.name == expected
        except Refusal as found:
            assert found.status == expected  # noqa: PT017 - one of two outcomes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"algorithms": ["none"]}, "cannot be accepted with the algorithms"),
        ({"algorithms": ["RS256", "HS256"]}, "cannot be accepted with the algorithms"),
        ({"algorithms": []}, "cannot be accepted with the algorithms"),
        ({"algorithms": ["ES512"]}, "has no key for signatures with ES512"),
        ({"audience": []}, "neither may be empty"),
        ({"audience": ""}, "neither may be empty"),
        ({"issuer": ""}, "neither may be empty"),
    ],
)
def test_options_are_refused_when_they_would_accept_anything_or_nothing(options: Any, message: str) -> None:
    """A mistake of the operator is found at the start."""
    with pytest.raises(HeadwaterError, match=message):
        tokens(**options)


@pytest.mark.parametrize(
    ("key_set", "message"),
    [
        ({}, "has no list `keys`"),
        ({"keys": []}, "has no key for signatures"),
        ({"keys": [jwk(RSAAlgorithm, SMALL_RSA)]}, "key 0 .* has 1024 bits"),
        ({"keys": [{"kty": "RSA", "n": "x"}]}, "key 0 .* is not valid"),
    ],
)
def test_key_set_is_refused_when_no_key_can_be_used(key_set: Any, message: str) -> None:
    """A broken key is reported with its number."""
    with pytest.raises(HeadwaterError, match=message):
        JwtTokens(key_set, issuer=ISSUER, audience=AUDIENCE)


@pytest.fixture
def provider() -> Iterator[str]:
    """The address of an identity provider on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = {"/keys": json.dumps(KEY_SET).encode(), "/large": b" " * 1_100_000, "/text": b"keys"}.get(
                self.path, b"[]"
            )
            to = {"/moved": "/keys", "/away": "http://keys.example.com/keys"}.get(self.path)
            self.send_response(404 if self.path == "/missing" else 200 if to is None else 302)
            if to is not None:
                self.send_header("Location", to)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_keys_are_read_from_a_file_or_a_url(provider: str, tmp_path: Path) -> None:
    """A redirect on this machine is followed."""
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(KEY_SET))
    for source in (file, str(file), f"{provider}/keys", f"{provider}/moved"):
        assert JwtTokens.load(source, issuer=ISSUER, audience=AUDIENCE).identify(signed()) is not None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.json", "missing.json cannot be read: .*No such file"),
        ("http://keys.example.com/keys", "is not an https URL"),
        ("ftp://127.0.0.1/keys", "is not an https URL"),
        ("file:///etc/hostname", "is not an https URL"),
        ("http://127.0.0.1:1/keys", "cannot be read: .*refused"),
        ("{provider}/away", "keys.example.com/keys is not an https URL"),
        ("{provider}/missing", "cannot be read"),
        ("{provider}/large", "larger than 1 MiB"),
        ("{provider}/list", "is not a JSON object"),
        ("{provider}/text", "is not a JSON object"),
    ],
)
def test_source_is_named_when_its_keys_cannot_be_read(provider: str, source: str, message: str) -> None:
    """The server does not start without its keys, and says why."""
    with pytest.raises(HeadwaterError, match=message):
        JwtTokens.load(source.format(provider=provider), issuer=ISSUER, audience=AUDIENCE)
