"""Pair counts against their definition, and the two ways of counting against each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.training.metrics import pairs

quick = settings(deadline=None, max_examples=80, derandomize=True)
numbers = st.lists(st.tuples(st.integers(0, 6), st.integers(-3, 3)), max_size=30)
COUNTS = (pairs._all_pairs, pairs._wavelet)


def columns(rows):
    table = np.array(rows, dtype=int).reshape(-1, 2)
    return table[:, 0], table[:, 1].astype(float)


@quick
@given(numbers, numbers.filter(bool), st.integers(0, 99))
def test_both_ways_are_the_definition(queries, points, seed):
    (key, risk), (other_key, other_risk) = columns(queries), columns(points)
    weight = np.random.default_rng(seed).integers(0, 4, other_key.size).astype(float)
    for count in COUNTS:
        for weights in (None, weight):
            found = count(key, risk, other_key, other_risk, weights)
            each = np.ones(other_key.size) if weights is None else weights
            for k in range(key.size):
                later = other_key > key[k]
                assert found.lower[k] == each[later & (other_risk < risk[k])].sum()
                assert found.higher[k] == each[later & (other_risk > risk[k])].sum()
                assert found.total[k] == each[later].sum()


def test_a_large_sample_counts_by_wavelet_what_all_pairs_count():
    rng = np.random.default_rng(2)
    key, risk = rng.integers(0, 300, 1500), rng.normal(size=1500).round(2)
    large = pairs.dominance(key, risk, key, risk)
    assert key.size**2 > pairs.MOST_PAIRS
    every = pairs._all_pairs(key, risk, key, risk, None)
    for name in ("lower", "higher", "total"):
        np.testing.assert_array_equal(getattr(large, name), getattr(every, name))
    assert large.total.sum() == sum(int((key > k).sum()) for k in key)


@pytest.mark.parametrize("count", COUNTS)
def test_by_hand(count):
    # Query (1, 5.0): later are keys 2 and 3, with risks 4 (lower), 5 (tied) and 9 (higher).
    found = count(np.array([1]), np.array([5.0]), np.array([0, 1, 2, 3, 2]), np.array([1.0, 1, 4, 5, 9]), None)
    assert (found.lower.tolist(), found.higher.tolist(), found.total.tolist()) == ([1], [1], [3])


def test_nothing_to_count():
    none = np.array([], dtype=int)
    for count in COUNTS:
        assert count(none, none.astype(float), np.array([1]), np.array([0.5]), None).lower.size == 0
    found = pairs.dominance(np.array([1]), np.array([0.5]), none, none.astype(float))
    assert found.total.tolist() == [0]
