"""Token buckets against a clock of our own: bursts, the steady rate, clients apart, memory bounded."""

from __future__ import annotations

import pytest

from riskml.serving.rate import MAX_CLIENTS, TokenBuckets


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_burst_is_allowed_then_one_request_for_each_token_that_drips_in():
    clock = Clock()
    buckets = TokenBuckets(2.0, 3, clock)  # two a second, three at once
    assert [buckets.wait("a") for _ in range(3)] == [0, 0, 0]
    assert buckets.wait("a") == pytest.approx(0.5)
    clock.now = 0.5
    assert buckets.wait("a") == 0
    assert buckets.wait("a") > 0
    assert buckets.wait("b") == 0, "one client's haste is not another's"


def test_quiet_fills_the_bucket_but_never_beyond_its_size():
    clock = Clock()
    buckets = TokenBuckets(10.0, 2, clock)
    buckets.wait("a")
    clock.now = 1e6
    assert [buckets.wait("a") == 0 for _ in range(3)] == [True, True, False]


def test_over_a_minute_no_more_passes_than_rate_and_burst():
    clock = Clock()
    buckets = TokenBuckets(5.0, 10, clock)
    passed = 0
    for k in range(6000):  # a hundred a second
        clock.now = k / 100
        passed += buckets.wait("a") == 0
    assert passed == pytest.approx(10 + 5 * 60, abs=1)


def test_no_rate_no_limit_and_no_memory():
    buckets = TokenBuckets(0.0, 1)
    assert not any(buckets.wait("a") for _ in range(100))
    assert not buckets._buckets


def test_a_million_clients_do_not_fill_the_memory():
    buckets = TokenBuckets(1.0, 1, Clock())
    for k in range(MAX_CLIENTS + 500):
        buckets.wait(str(k))
    assert len(buckets._buckets) == MAX_CLIENTS
