"""API keys, their file and their commands."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import HTTPConnection
from structlog.testing import capture_logs

from headwater import HeadwaterError
from headwater_server.access.api_keys import ApiKeys
from headwater_server.access.random_tokens import RandomToken, contains_token
from headwater_server.refusals import Refusal
from tests.server.access.scopes import Clock, http

RECORD: dict[str, Any] = {"name": "ci", "id": "0" * 16, "sha256": "1" * 64, "created": "2026-01-01T00:00:00Z"}


def named(keys: ApiKeys, token: str) -> str | None:
    """Return the name of the caller with a key."""
    caller = keys.identify(token)
    return None if caller is None else caller.name


def refused(keys: ApiKeys, token: str) -> Refusal:
    """Return why a key is refused."""
    with pytest.raises(Refusal) as caught:
        keys.identify(token)
    return caught.value


def test_key_identifies_its_caller_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    """The file has no part of a key that could be used."""
    path = tmp_path / "keys.json"
    key = ApiKeys.create_in(path, "ci")
    assert named(ApiKeys.load(path), key) == "ci"
    assert contains_token(f"see {key}")
    assert key.rpartition("_")[2] not in path.read_text()
    assert len(key.split("_", 2)[2]) == 43  # 256 bits


def test_keys_differ_when_they_have_the_same_name() -> None:
    """A caller can have two keys while one is exchanged for the other."""
    keys = ApiKeys()
    old, new = keys.create("ci"), keys.create("ci")
    assert old != new
    assert named(keys, old) == named(keys, new) == "ci"
    assert keys.revoke(old.split("_")[1]) == 1
    assert named(keys, new) == "ci"
    assert refused(keys, old).status == 401


@pytest.mark.parametrize(
    "change",
    [
        lambda key: "",
        lambda key: key[:-1],
        lambda key: key + "A",
        lambda key: key[:-1] + ("A" if key[-1] != "A" else "B"),
        lambda key: key.replace("hw_", "hwt_", 1),
        lambda key: key[3:],
        lambda key: key.upper(),
        lambda key: "hw_" + "0" * 16 + key[19:],
        lambda key: key + "\n",
        lambda key: "ü" * 1_000,
    ],
)
def test_key_is_unknown_when_a_character_differs(change: Any) -> None:
    """A part of a key, or one with another prefix, identifies no caller."""
    keys = ApiKeys()
    assert named(keys, change(keys.create("ci"))) is None


def test_key_is_refused_when_it_has_expired() -> None:
    """Time ends a key, and the caller learns when."""
    clock = Clock()
    keys = ApiKeys(clock=clock)
    key = keys.create("ci", expires_s=clock.now_s + 10)
    caller = keys.identify(key)
    assert caller is not None
    assert caller.expires_s == clock.now_s + 10
    assert caller.is_valid(clock.now_s)
    clock.now_s += 10
    assert not caller.is_valid(clock.now_s)
    refusal = refused(keys, key)
    assert (refusal.status, refusal.code) == (401, "invalid-token")
    assert 'error="invalid_token"' in refusal.headers["WWW-Authenticate"]


def test_caller_loses_its_rights_when_another_process_revokes_the_key(tmp_path: Path) -> None:
    """A server that runs follows the file, also for streams that are open."""
    path, clock = tmp_path / "keys.json", Clock()
    key = ApiKeys.create_in(path, "ci")
    keys = ApiKeys.load(path, clock=clock)
    caller = keys.identify(key)
    assert caller is not None
    ApiKeys.load(path).revoke("ci")
    clock.now_s += 1
    assert not caller.is_valid(clock.now_s)
    assert "revoked" in refused(keys, key).message
    added = ApiKeys.create_in(path, "new")
    clock.now_s += 1
    assert named(keys, added) == "new"


@pytest.mark.parametrize("is_removed", [True, False])
def test_keys_stay_when_the_file_is_broken_later(tmp_path: Path, is_removed: bool) -> None:
    """A damaged file locks out no caller, and is reported once."""
    path, clock = tmp_path / "keys.json", Clock()
    key = ApiKeys.create_in(path, "ci")
    keys = ApiKeys.load(path, clock=clock)
    if is_removed:
        path.unlink()
    else:
        path.write_text("{")
    with capture_logs() as logs:
        for _ in range(3):
            clock.now_s += 1
            assert named(keys, key) == "ci"
    assert [log["event"] for log in logs] == ["API keys stay as they were"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not a file of API keys: the whole file"),
        ("[]", "is not a file of API keys: the whole file"),
        ('{"keys": [{}]}', "is not a file of API keys: keys.0.name"),
        (json.dumps({"keys": [RECORD | {"sha256": "s3cret"}]}), "is not a file of API keys: keys.0.sha256"),
        (json.dumps({"keys": [RECORD | {"created": "2026-01-01T00:00:00"}]}), "keys.0.created"),
        (json.dumps({"keys": [RECORD | {"key": "s3cret"}]}), "keys.0.key"),
        (json.dumps({"keys": [RECORD, RECORD]}), "two keys have the same id"),
    ],
)
def test_file_is_refused_with_its_place_when_it_is_broken(tmp_path: Path, content: str, message: str) -> None:
    """The message has the place, and never what is written there."""
    path = tmp_path / "keys.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(HeadwaterError) as caught:
        ApiKeys.load(path)
    assert message in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_file_is_refused_when_it_is_missing_or_too_large_or_a_folder(tmp_path: Path) -> None:
    """Each message says what to do or what is wrong."""
    with pytest.raises(HeadwaterError, match="does not exist; create it with: headwater keys new"):
        ApiKeys.load(tmp_path / "keys.json")
    with pytest.raises(HeadwaterError, match="cannot be read: Is a directory"):
        ApiKeys.load(tmp_path)
    large = tmp_path / "large.json"
    with large.open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    with pytest.raises(HeadwaterError, match="larger than 16 MiB"):
        ApiKeys.load(large)
    with pytest.raises(HeadwaterError, match="cannot be opened"):
        ApiKeys.create_in(tmp_path / "missing" / "keys.json", "ci")
    with pytest.raises(HeadwaterError, match="cannot be created"):
        ApiKeys.create_in(tmp_path / ("x" * 300), "ci")


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_file_is_refused_when_others_can_write_it(tmp_path: Path, mode: int) -> None:
    """Whoever can write the file could add a key."""
    path = tmp_path / "keys.json"
    ApiKeys.create_in(path, "ci")
    path.chmod(mode)
    with pytest.raises(HeadwaterError, match=f"can be written by others \\(mode {mode:o}\\)"):
        ApiKeys.load(path)


def test_file_is_private_when_it_is_new_and_keeps_its_permissions_later(tmp_path: Path) -> None:
    """A group that an operator lets read the file still can after a change."""
    path = tmp_path / "keys.json"
    previous = os.umask(0)
    try:
        ApiKeys.create_in(path, "ci")
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    ApiKeys.create_in(path, "bob")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]


def test_no_key_is_lost_when_several_are_created_at_once(tmp_path: Path) -> None:
    """Writers change the file one after the other."""
    path = tmp_path / "keys.json"
    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(lambda number: ApiKeys.create_in(path, f"caller-{number}"), range(24)))
    keys = ApiKeys.load(path)
    assert [named(keys, key) for key in created] == [f"caller-{number}" for number in range(24)]


@pytest.mark.parametrize("name", ["", " ", "a b", "-a", "a\nb", "ü", "a" * 101, 'a"'])
def test_name_is_refused_when_it_could_be_mistaken(name: str) -> None:
    """Names are shown in lists and logs."""
    with pytest.raises(HeadwaterError, match="is not the name of a key"):
        ApiKeys().create(name)


def test_request_is_identified_by_its_header() -> None:
    """The keys are a function of a request, as one of your own is."""
    keys = ApiKeys()
    key = keys.create("ci")
    caller = keys(HTTPConnection(http(authorization=f"bearer  {key}")))
    assert caller is not None
    assert caller.name == "ci"
    assert keys(HTTPConnection(http())) is None
    assert keys(HTTPConnection(http(authorization=f"Bearer {key}x"))) is None
    for other in ("Basic YTpi", "Bearer", "Bearer ", key):
        with pytest.raises(Refusal, match="another form"):
            keys(HTTPConnection(http(authorization=other)))


def test_token_is_not_shown_by_its_representation() -> None:
    """A traceback with local variables shows no key."""
    made = RandomToken.new("hw")
    assert made.token.rpartition("_")[2] not in repr(made)
    keys = ApiKeys()
    secret = keys.create("ci").rpartition("_")[2]
    assert secret not in repr(keys.records) + repr(vars(keys))


def headwater(folder: Path, *arguments: str) -> tuple[int, str, str]:
    """Run the command line; return its exit code and what it wrote."""
    command = [sys.executable, "-m", "headwater.cli", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_commands_create_list_and_revoke_keys(tmp_path: Path) -> None:
    """The key is shown once, on standard output, so that a script can take it."""
    code, out, err = headwater(tmp_path, "keys", "new", "--name", "ci", "--days", "30")
    assert code == 0
    assert named(ApiKeys.load(tmp_path / "keys.json"), out.strip()) == "ci"
    assert err == "keys.json has its hash; keep the key itself, it is not shown again\n"
    code, listed, _ = headwater(tmp_path, "keys", "list")
    assert code == 0
    assert [line.split()[-1] for line in listed.splitlines()] == ["state", "valid"]
    assert out.rpartition("_")[2].strip() not in listed
    assert headwater(tmp_path, "keys", "revoke", "ci") == (0, "revoked 1 key of ci\n", "")
    assert headwater(tmp_path, "keys", "list")[1].endswith("revoked\n")
    assert headwater(tmp_path, "keys", "new", "--name", "old", "--days", "0")[0] == 0
    assert headwater(tmp_path, "keys", "list")[1].endswith("expired\n")


def test_commands_say_what_is_wrong_in_a_line(tmp_path: Path) -> None:
    """An error is a message and an exit code, not a traceback."""
    code, out, err = headwater(tmp_path, "keys", "list")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "headwater: error: the file of API keys keys.json does not exist" in err
    headwater(tmp_path, "keys", "new", "--name", "ci")
    assert "no key has the name 'cd'" in headwater(tmp_path, "keys", "revoke", "cd")[2]
    assert headwater(tmp_path, "keys", "new", "--name", "a b")[0] == 1
