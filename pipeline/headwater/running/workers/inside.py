"""The context that subscribers give to the code of a step, such as the span that its own spans are children of."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any

from headwater.kinds.definition import Call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

__all__ = ["Enter", "called_inside", "entered_all"]

Enter = Callable[[], AbstractContextManager[object]]


def entered_all(enters: Sequence[Enter]) -> AbstractContextManager[object]:
    """Return several contexts as one."""
    with ExitStack() as stack:  # leaves those before one that fails
        for enter in enters:
            stack.enter_context(enter())
        return stack.pop_all()


def called_inside(enters: Sequence[Enter], call: Callable[..., Any], kind: Call) -> Callable[..., Any]:
    """Return a function whose code runs inside contexts, though not what runs between the items that it yields."""

    def plain(*arguments: Any) -> Any:
        with entered_all(enters):
            return call(*arguments)

    async def coroutine(*arguments: Any) -> Any:
        with entered_all(enters):
            return await call(*arguments)

    def generator(*arguments: Any) -> Iterator[Any]:
        items = iter(plain(*arguments))
        try:
            while True:
                try:
                    with entered_all(enters):
                        item = next(items)
                except StopIteration:
                    return
                yield item
        finally:
            if (close := getattr(items, "close", None)) is not None:
                with entered_all(enters):
                    close()

    async def async_generator(*arguments: Any) -> AsyncIterator[Any]:
        items = call(*arguments)
        try:
            while True:
                try:
                    with entered_all(enters):
                        item = await anext(items)
                except StopAsyncIteration:
                    return
                yield item
        finally:
            if (aclose := getattr(items, "aclose", None)) is not None:
                with entered_all(enters):
                    await aclose()

    kinds: dict[Call, Callable[..., Any]] = {
        Call.COROUTINE: coroutine,
        Call.GENERATOR: generator,
        Call.ASYNC_GENERATOR: async_generator,
    }
    return kinds.get(kind, plain)
