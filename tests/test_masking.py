"""A secret is masked in every form that it leaves the engine in."""

from __future__ import annotations

import base64
import json
import re
import reprlib
from urllib.parse import quote, quote_plus, urlencode

import pytest

from headwater.events.plain import plain, preview
from headwater.masking import mask_data, masker
from headwater.running.failures import reason_of

MASK = "**********"
TOKEN = "tok\"en'with\\odd/chars+=\N{LATIN SMALL LETTER E WITH ACUTE} 4711"
KEY = "-----BEGIN KEY-----\nMIIBVwIBADANBgkq/hkiG9w0B+AQEF\nAASCAT8wggE7AgEAAkEA\n-----END KEY-----\n"

WRITTEN = {
    "raw": TOKEN,
    "repr": repr(TOKEN),
    "repr of bytes": repr(TOKEN.encode()),
    "message of a KeyError": str(KeyError(TOKEN)),
    "JSON": json.dumps({"key": TOKEN}),
    "JSON in UTF-8": json.dumps({"key": TOKEN}, ensure_ascii=False),
    "JSON in JSON": json.dumps(json.dumps({"key": TOKEN})),
    "repr of a string with both quotes": repr(f"'\"{TOKEN}"),
    "part of a URL": quote(TOKEN, safe=""),
    "path of a URL": quote(TOKEN),
    "form": urlencode({"key": TOKEN}),
    "form in lower case": re.sub("%..", lambda escape: escape[0].lower(), quote_plus(TOKEN)),
    "Base64": base64.b64encode(TOKEN.encode()).decode(),
    "Base64 behind one byte": base64.b64encode(b":" + TOKEN.encode() + b"!").decode(),
    "Base64 behind two bytes": base64.b64encode(b"m:" + TOKEN.encode() + b"!!").decode(),
    "Base64 for URLs": base64.urlsafe_b64encode(b"me:" + TOKEN.encode()).decode(),
    "HTML": TOKEN.replace("'", "&#x27;").replace('"', "&quot;"),
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_masks_a_secret_however_it_is_written(text: str) -> None:
    """No run of eight characters of the encoded secret is left, but for two at the ends of Base64."""
    masked = masker([TOKEN])(f"before {text} after")
    assert MASK in masked
    inner = text.strip("\"'{}=")[8:-8]
    assert all(inner[at : at + 8] not in masked for at in range(len(inner) - 8))


CUT = {
    "at its end": TOKEN[:15],
    "at its beginning": TOKEN[-15:],
    "with an ellipsis": TOKEN[:15] + "…",
    "with an ellipsis, early": TOKEN[:5] + "…",
    "in its middle": reprlib.repr(TOKEN),
}


@pytest.mark.parametrize("text", CUT.values(), ids=CUT)
def test_masks_what_is_left_of_a_secret_when_it_was_cut(text: str) -> None:
    """Libraries cut what they put into their messages before the engine sees it."""
    masked = masker([TOKEN])(f"found {text}")
    assert TOKEN[:5] not in masked
    assert TOKEN[-5:] not in masked


def test_masks_each_line_of_a_secret_of_several_lines() -> None:
    """A program that writes a key to its standard error is read line by line."""
    masked = masker([KEY])
    for line in KEY.splitlines():
        assert masked(f"  {line}  ").strip() == MASK


def test_leaves_a_longer_word_alone_when_a_secret_begins_like_it() -> None:
    """A secret that is a URL does not mask the scheme of every other URL."""
    masked = masker(["https://me:pass@example.com/"])
    assert masked("GET https://other.org/") == "GET https://other.org/"
    assert masked("no secret") == "no secret"


def test_masks_a_number_when_the_secret_consists_of_digits() -> None:
    """An item that was read from JSON is a number where the secret is a string."""
    mask = masker(["471108154711"])
    assert mask_data({"pin": 471108154711, "n": 3, "yes": True}, mask) == {"pin": MASK, "n": 3, "yes": True}
    assert plain([471108154711, 0.5], mask) == [MASK, 0.5]
    assert preview(471108154711, mask=mask)[0] == MASK


def test_masks_an_object_when_its_repr_shows_the_secret() -> None:
    """A log shows objects by their `repr`."""
    assert mask_data([ValueError(TOKEN), 1.5], masker([TOKEN])) == [f"ValueError('{MASK}')", 1.5]


@pytest.mark.parametrize("before", [0, 150, 190, 980, 9_990])
def test_masks_before_it_cuts(before: int) -> None:
    """Wherever the limit of a preview, a repr or a message falls, no part of the secret is left."""

    class Shown:
        def __repr__(self) -> str:
            return "x" * before + TOKEN

    mask = masker([TOKEN])
    shown = [
        preview("x" * before + TOKEN, mask=mask)[0],
        preview({"key": "x" * before + TOKEN}, mask=mask)[0],
        plain(Shown(), mask),
        reason_of(ValueError("x" * before + TOKEN), mask),
    ]
    assert all(TOKEN[:3] not in str(one) for one in shown)
