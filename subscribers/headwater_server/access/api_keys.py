"""API keys: random tokens with names. Only their hashes are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from pydantic import TypeAdapter, ValidationError

from headwater import HeadwaterError
from headwater.toolkit import operator_log
from headwater_server.access.key_file import FileVersion, KeyName, KeyRecord, changed, read_keys, read_version
from headwater_server.access.principal import Principal
from headwater_server.access.random_tokens import KEY_PREFIX, RandomToken, is_match, public_part
from headwater_server.access.scope_reading import bearer_token, invalid_token

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

__all__ = ["ApiKeys"]

_LOOK_EVERY_S: Final = 1.0
_NAME: Final = TypeAdapter[str](KeyName)


class ApiKeys:
    """Callers with API keys, sent as `Authorization: Bearer hw_...`.

    A key has 256 random bits. Only its SHA-256 hash is kept, and compared in constant time. Changes of the file, such
    as by `headwater keys revoke`, are noticed within a second; a file that is then broken changes nothing, and the
    operator's log reports it.

    Args:
        clock: Returns the time in seconds since 1970.

    Example:
        >>> keys = ApiKeys()
        >>> key = keys.create("ci")
        >>> keys.identify(key).name
        'ci'
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._records: dict[str, KeyRecord] = {}
        self._clock = clock
        self._path: Path | None = None
        self._version: FileVersion = None
        self._looked_s = 0.0

    @classmethod
    def load(cls, path: str | Path, *, clock: Callable[[], float] = time.time) -> Self:
        """Return the keys of a file.

        Args:
            path: The file, as `headwater keys new` writes it.
            clock: Returns the time in seconds since 1970.

        Returns:
            The keys; they follow the changes of the file.

        Raises:
            HeadwaterError: The file is missing or broken, or others than its owner can write it.
        """
        keys = cls(clock=clock)
        keys._path = Path(path)
        keys._records = read_keys(keys._path)
        keys._version = read_version(keys._path)
        keys._looked_s = clock()
        return keys

    @property
    def records(self) -> Mapping[str, KeyRecord]:
        """What is kept of each key, by its public part."""
        return self._records

    def create(self, name: str, *, expires_s: float | None = None) -> str:
        """Create a key, also in the file that the keys were loaded from.

        Args:
            name: The name of the caller. Several keys may have the same name, so that they can be changed one by one.
            expires_s: When the key ends, in seconds since 1970; None for never.

        Returns:
            The key. It cannot be shown again.

        Raises:
            HeadwaterError: The name is not a name, or the file cannot be changed.
        """
        key, record = self._new(name, expires_s)
        self._change(lambda records: {**records, record.id: record}, create=False)
        return key

    @classmethod
    def create_in(cls, path: str | Path, name: str, *, expires_s: float | None = None) -> str:
        """Create a key in a file, and the file too if it does not exist.

        Args:
            path: The file; a new one can be read by its owner alone.
            name: The name of the caller.
            expires_s: When the key ends, in seconds since 1970; None for never.

        Returns:
            The key. It cannot be shown again.

        Raises:
            HeadwaterError: The name is not a name, or the file cannot be changed.
        """
        keys = cls()
        keys._path = Path(path)
        key, record = keys._new(name, expires_s)
        keys._change(lambda records: {**records, record.id: record}, create=True)
        return key

    def revoke(self, name: str) -> int:
        """Revoke the keys with a name, or the one with a public part.

        Args:
            name: The name, or the public part of a key.

        Returns:
            How many keys were valid until now.

        Raises:
            HeadwaterError: No key has this name, or the file cannot be changed.
        """
        revoked: list[str] = []

        def change(records: dict[str, KeyRecord]) -> dict[str, KeyRecord]:
            found = {key_id for key_id, record in records.items() if name in {record.name, key_id}}
            if not found:
                raise HeadwaterError(f"no key has the name {name!r}; headwater keys list shows the names")
            revoked.extend(key_id for key_id in found if not records[key_id].revoked)
            return {
                key_id: record.model_copy(update={"revoked": True}) if key_id in found else record
                for key_id, record in records.items()
            }

        self._change(change, create=False)
        return len(revoked)

    def identify(self, token: str) -> Principal | None:
        """Return who has a key.

        Args:
            token: What the caller sent.

        Returns:
            The caller, or None when it is not one of these keys.

        Raises:
            Refusal: The key has expired or was revoked.
        """
        self._follow_file()
        key_id = public_part(token, KEY_PREFIX)
        record = self._records.get(key_id) if key_id is not None else None
        if not is_match(token, None if record is None else record.sha256) or record is None:
            return None
        if record.revoked:
            raise invalid_token("the API key was revoked; ask the operator for a new one")
        expires_s = None if record.expires is None else record.expires.timestamp()
        if expires_s is not None and self._clock() >= expires_s:
            raise invalid_token("the API key has expired; ask the operator for a new one")
        return Principal(record.name, expires_s=expires_s, is_revoked=lambda: self._is_revoked(record.id))

    def __call__(self, connection: HTTPConnection) -> Principal | None:
        """Return who sent a request, or None when it has none of these keys."""
        token = bearer_token(connection.scope)
        return None if token is None else self.identify(token)

    def _is_revoked(self, key_id: str) -> bool:
        self._follow_file()
        record = self._records.get(key_id)
        return record is None or record.revoked

    def _new(self, name: str, expires_s: float | None) -> tuple[str, KeyRecord]:
        try:
            _NAME.validate_python(name)
        except ValidationError:
            form = "expected letters, digits and . _ @ -, up to 100 of them, beginning with a letter or a digit"
            raise HeadwaterError(f"{name!r} is not the name of a key; {form}") from None
        token = RandomToken.new(KEY_PREFIX)
        created = datetime.fromtimestamp(int(self._clock()), UTC)
        expires = None if expires_s is None else datetime.fromtimestamp(expires_s, UTC)
        record = KeyRecord(name=name, id=token.public, sha256=token.sha256, created=created, expires=expires)
        return token.token, record

    def _change(self, change: Callable[[dict[str, KeyRecord]], dict[str, KeyRecord]], *, create: bool) -> None:
        if self._path is None:
            self._records = change(self._records)
        else:
            self._records = changed(self._path, change, create=create)
            self._version = read_version(self._path)

    def _follow_file(self) -> None:
        """Read the file again when it has changed, at most once a second."""
        now_s = self._clock()
        if self._path is None or abs(now_s - self._looked_s) < _LOOK_EVERY_S:
            return
        self._looked_s = now_s
        version = read_version(self._path)
        if version == self._version:
            return
        self._version = version
        try:
            self._records = read_keys(self._path)
        except HeadwaterError as error:
            operator_log().warning("API keys stay as they were", file=str(self._path), reason=str(error))
