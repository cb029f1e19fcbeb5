"""`/ws`: any number of executions on one WebSocket, to follow, start and cancel them by messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import to_json

from headwater import HeadwaterError
from headwater.toolkit import event_filter, is_list, is_object
from headwater_server.bodies.request_bodies import checked_json, parameters_in
from headwater_server.executions.executions import Start
from headwater_server.refusals import Refusal, problem_of
from headwater_server.service import links_of
from headwater_server.streaming.conversation import Conversation
from headwater_server.streaming.event_forms import SOCKET_MESSAGES

if TYPE_CHECKING:
    from headwater_server.executions.held import HeldExecution
    from headwater_server.settings import Limits

__all__ = ["Hub"]

_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "subscribe": frozenset({"execution", "after", "types", "steps"}),
    "unsubscribe": frozenset({"execution"}),
    "start": frozenset({"ref", "pipeline", "input", "parameters", "subscribe"}),
    "cancel": frozenset({"execution", "reason"}),
}
_MOST_FOLLOWED: Final = 1000


class Hub(Conversation):
    """Does what messages ask, and answers each mistake with the problem; the client decides on the end."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be sent: a client that follows nothing may still subscribe."""
        return False

    def begin(self) -> None:
        """Follow nothing at first."""

    async def on_message(self, text: str) -> None:
        """Do what the client says."""
        message: dict[str, Any] = {}
        try:
            message = _read(text, self.service.limits)
            await {
                "subscribe": self._subscribe,
                "unsubscribe": self._unsubscribe,
                "start": self._start,
                "cancel": self._cancel,
            }[message["type"]](message)
        except (Refusal, HeadwaterError, ValueError) as error:
            about = {key: message[key] for key in ("ref", "execution") if key in message}
            await self._answer("error", **about, problem=problem_of(error))

    async def on_end(self, key: str) -> None:
        """Say that the client has all events of an execution."""
        await self._answer("ended", execution=key)

    async def _subscribe(self, message: dict[str, Any]) -> None:
        held = self._held(message)
        after = message.get("after", 0)
        if type(after) is not int or after < 0:
            raise Refusal(400, "bad-message", f"after is {after!r:.80}, but a number is expected")
        wanted = event_filter(_names(message, "types"), _names(message, "steps"))
        if len(self.merge) >= _MOST_FOLLOWED and held.id not in self.merge:
            raise Refusal(429, "too-many-subscriptions", f"one WebSocket follows at most {_MOST_FOLLOWED} executions")
        line = self.service.broadcast.line(held.log, SOCKET_MESSAGES, wanted, held.steps)
        self.merge.remove(held.id)
        await self._answer("subscribed", execution=held.id)
        self.merge.add(held.id, line, after)

    async def _unsubscribe(self, message: dict[str, Any]) -> None:
        execution_id = _string(message, "execution")
        self.merge.remove(execution_id)
        await self._answer("unsubscribed", execution=execution_id)

    async def _start(self, message: dict[str, Any]) -> None:
        name = _string(message, "pipeline")
        parameters = parameters_in(message)
        pipeline = await self.service.catalog.bind(name, self.principal.name, parameters)
        held = await self.service.executions.start(
            Start(self.principal, name, pipeline, parameters, message.get("input"))
        )
        links = links_of(self.socket, held)
        await self._answer("started", ref=message.get("ref"), execution=held.to_json(links))
        if message.get("subscribe"):
            await self._subscribe({"execution": held.id})

    async def _cancel(self, message: dict[str, Any]) -> None:
        held = self._held(message)
        reason = message.get("reason")
        held.cancel(reason if isinstance(reason, str) and reason else "the client canceled it")
        await self._answer("cancelled", execution=held.id)

    def _held(self, message: dict[str, Any]) -> HeldExecution:
        return self.service.executions.of(self.principal, _string(message, "execution"))

    async def _answer(self, kind: str, **more: Any) -> None:
        answer = {"type": kind, **more}
        await self.send(to_json(answer, fallback=str, inf_nan_mode="strings").decode())


def _read(text: str, limits: Limits) -> dict[str, Any]:
    """Return a message, checked up to its keys."""
    message = checked_json(text, limits)
    if not is_object(message):
        raise Refusal(400, "bad-message", "a message is a JSON object with a type")
    kind = message.get("type")
    if not isinstance(kind, str) or kind not in _KEYS:
        raise Refusal(400, "bad-message", f"the type of the message is {kind!r:.80}; choose one of: {', '.join(_KEYS)}")
    if unknown := message.keys() - _KEYS[kind] - {"type"}:
        known = ", ".join(sorted(_KEYS[kind]))
        raise Refusal(400, "unknown-key", f"unknown keys: {', '.join(sorted(unknown))[:200]}; known: {known}")
    return message


def _string(message: dict[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str):
        raise Refusal(400, "bad-message", f"{key} is {value!r:.80}, but a string is expected")
    return value


def _names(message: dict[str, Any], key: str) -> Sequence[str] | None:
    value = message.get(key)
    if value is None:
        return None
    if not is_list(value) or not all(isinstance(name, str) for name in value):
        raise Refusal(400, "bad-message", f"{key} is {value!r:.80}, but a list of strings is expected")
    return value
