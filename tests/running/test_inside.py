"""The contexts in which the code of a step runs."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from headwater.running.workers.inside import entered_all


def test_leaves_the_contexts_before_one_that_fails() -> None:
    """No context stays open when another cannot be entered."""
    left: list[str] = []

    @contextmanager
    def opened() -> Generator[None]:
        try:
            yield
        finally:
            left.append("opened")

    @contextmanager
    def broken() -> Generator[None]:
        raise OSError("gone")
        yield

    first = opened()  # kept, as a context that is collected would be left as well
    with pytest.raises(OSError, match="gone"), entered_all([lambda: first, broken]):
        pass
    assert left == ["opened"]
