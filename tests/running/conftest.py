"""What tests of the running engine share."""

import pytest
from anyio.lowlevel import checkpoint

from headwater.running.hosts import pulse
from headwater.running.hosts.stalls import StallWatch

ENOUGH = 12
"""More looks than it takes to report steps that wait for each other."""


class Looks:
    """Counts the looks of all watches, so that a step can wait for them."""

    def __init__(self) -> None:
        self.count = 0

    async def wait(self, looks: int = ENOUGH) -> None:
        until = self.count + looks
        while self.count < until:
            await checkpoint()


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Return a count of looks, which follow each other as fast as they can."""
    counted = Looks()
    look = StallWatch.look

    def count(watch: StallWatch) -> None:
        counted.count += 1
        look(watch)

    monkeypatch.setattr(StallWatch, "look", count)
    monkeypatch.setattr(pulse, "_INTERVAL_S", 0.001)
    return counted
