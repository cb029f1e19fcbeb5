"""Requests that may be sent again: the execution that a key has started is started once."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import anyio

from headwater.toolkit import item_json
from headwater_server.refusals import Refusal

if TYPE_CHECKING:
    from headwater_server.access.principal import Principal
    from headwater_server.executions.held import HeldExecution

__all__ = ["Repeat", "Repeats"]

_KEY: Final = re.compile(r"[!-~]{1,255}")


@dataclass(slots=True)
class Repeat:
    """What a key has started, once it has."""

    request: bytes
    held: HeldExecution | None = None
    turn: anyio.Lock = field(default_factory=anyio.Lock)


class Repeats:
    """The `Idempotency-Key`s of callers, with the executions that they have started.

    A key lasts as long as its execution is kept. Of keys whose requests failed, only the latest are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._repeats: OrderedDict[tuple[str, str], Repeat] = OrderedDict()
        self._keys: dict[str, tuple[str, str]] = {}

    @asynccontextmanager
    async def turn(self, principal: Principal, key: str, request: Mapping[str, Any]) -> AsyncGenerator[Repeat]:
        """Let one request with a key start an execution in the block, while others with the same key wait."""
        if _KEY.fullmatch(key) is None:
            raise Refusal(400, "bad-key", "an Idempotency-Key has 1 to 255 visible ASCII characters")
        digest = sha256(item_json(request)).digest()
        place = (principal.name, key)
        repeat = self._repeats.setdefault(place, Repeat(digest))
        self._drop_unused()
        if repeat.request != digest:
            message = "the Idempotency-Key was used for another request; choose a new key for each"
            raise Refusal(422, "key-reused", message)
        async with repeat.turn:
            yield repeat
            if repeat.held is not None:
                self._keys[repeat.held.id] = place

    def forget(self, held: HeldExecution) -> None:
        """Forget the key of an execution that is no longer kept."""
        if (place := self._keys.pop(held.id, None)) is not None:
            self._repeats.pop(place, None)

    def _drop_unused(self) -> None:
        unused = len(self._repeats) - len(self._keys) - self._most
        for place, repeat in list(self._repeats.items()) if unused > 0 else ():
            if unused > 0 and repeat.held is None and not repeat.turn.locked():
                del self._repeats[place]
                unused -= 1
