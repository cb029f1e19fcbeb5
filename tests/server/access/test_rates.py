"""Requests per minute, and what is open at once."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import limits.storage.memory
import limits.strategies
import pytest

from headwater_server.access import rates
from headwater_server.access.rates import Quota, Rates
from headwater_server.refusals import Refusal
from tests.server.access.scopes import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the rates; a minute begins with it."""
    clock = Clock(1_800_000_000.0)
    for module in (limits.storage.memory, limits.strategies, limits.storage.base, rates):
        if hasattr(module, "time"):
            monkeypatch.setattr(module, "time", SimpleNamespace(time=clock))
    return clock


def counted(some: Rates, name: str, kind: str = "caller") -> int | None:
    """Count a request; return when to try again, or None."""
    try:
        some.count(kind, name)
    except Refusal as refusal:
        return int(refusal.headers["Retry-After"])
    return None


def test_caller_is_refused_when_it_sends_too_many_requests(clock: Clock) -> None:
    """Each caller has its own minute, which slides."""
    some = Rates(3)
    assert [counted(some, "ci") for _ in range(3)] == [None] * 3
    wait_s = counted(some, "ci")
    assert wait_s is not None
    assert 1 <= wait_s <= 60
    assert counted(some, "bob") is None
    assert counted(some, "ci", "address") is None
    clock.now_s += 60  # at the border of two windows, the last one still counts
    assert counted(some, "ci") is not None
    clock.now_s += 60
    assert counted(some, "ci") is None


@pytest.mark.parametrize("start_s", [0.0, 0.5, 30.0, 59.9])
def test_waiting_as_long_as_asked_is_enough(clock: Clock, start_s: float) -> None:
    """The header Retry-After is not a guess, wherever in the minute the requests came."""
    clock.now_s += start_s
    some = Rates(10)
    for _ in range(5):
        for _ in range(10):
            counted(some, "ci")
        wait_s = counted(some, "ci")
        assert wait_s is not None
        clock.now_s += wait_s + 1e-3
        assert counted(some, "ci") is None


def test_counters_are_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million addresses share counters; those who were counted before keep theirs."""
    monkeypatch.setattr(rates, "_MOST_COUNTERS", 100)
    some = Rates(50)
    some.count("caller", "ci")
    for number in range(5_000):
        counted(some, str(number), "address")
    assert len(some._storage.storage) <= 100 + 512
    assert counted(some, "ci") is None
    assert clock.now_s == 1_800_000_000.0


def test_counters_are_swept_and_no_thread_is_started(clock: Clock) -> None:
    """What was counted minutes ago is forgotten, without a thread for each request."""
    some = Rates(50)
    threads = set(threading.enumerate())
    for number in range(100):
        counted(some, str(number))
    assert set(threading.enumerate()) <= threads
    clock.now_s += 600
    counted(some, "ci")
    assert len(some._storage.storage) == len(some._storage.expirations) == 1
    assert len(some._storage.locks) <= 2


def test_quota_refuses_one_too_many_of_a_caller_and_of_all() -> None:
    """What was open and has ended makes space."""
    quota = Quota("streams", per_caller=2, total=3)
    first = quota.take("ci")
    with quota.take("ci"):
        with pytest.raises(Refusal) as caught:
            quota.take("ci")
        assert (caught.value.status, caught.value.code) == (429, "too-many-streams")
        with quota.take("bob"):
            with pytest.raises(Refusal) as caught:
                quota.take("bob")
            assert (caught.value.status, caught.value.code) == (503, "too-many-streams")
            assert caught.value.headers == {"Retry-After": "5"}
    assert len(quota) == 1
    first.release()
    first.release()
    assert len(quota) == 0
    assert quota._callers == {}
