"""The progress that steps do not tell themselves: how many items have gone through them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from headwater.running.groups import open_group

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from headwater.running.hosts.host import StepHost

__all__ = ["pulse"]

_INTERVAL_S = 0.5


@asynccontextmanager
async def pulse(hosts: Sequence[StepHost]) -> AsyncGenerator[None, None]:
    """Tell the counts of running steps from time to time, and at the end those of the steps that were stopped.

    Args:
        hosts: The hosts of the execution.
    """
    async with open_group() as group:
        group.start_soon(_beat, hosts)
        try:
            yield
        finally:
            _tell(hosts)
            group.cancel_scope.cancel()


async def _beat(hosts: Sequence[StepHost]) -> None:
    while True:
        await anyio.sleep(_INTERVAL_S)
        _tell(hosts)


def _tell(hosts: Sequence[StepHost]) -> None:
    for host in hosts:
        host.emit_counts()
