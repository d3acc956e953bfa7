"""D-calibration by hand, against scipy's chi-squared test, and on curves known to be right or wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from riskml.training.metrics.d_calibration import d_calibration

quick = settings(deadline=None, max_examples=60, derandomize=True)


def test_by_hand():
    # Four bins. Events at .1, .6 and 1; censored at .5 (half to each of the two lower bins) and .3 (.25/.3 and .05/.3).
    event = np.array([True, True, True, False, False])
    found = d_calibration(event, np.array([0.1, 0.6, 1.0, 0.5, 0.3]), n_bins=4)
    assert found.counts == pytest.approx((1 + 0.5 + 5 / 6, 0.5 + 1 / 6, 1.0, 1.0))
    assert found.statistic == pytest.approx(chisquare(found.counts).statistic)
    assert math.isnan(found.p_value), "1.25 expected in a bin are too few"


@quick
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=80), st.integers(2, 12))
def test_everybody_is_counted_once_and_the_test_is_pearsons(patients, n_bins):
    event, survival = np.array([p[0] for p in patients]), np.array([p[1] for p in patients])
    found = d_calibration(event, survival, n_bins=n_bins)
    assert len(found.counts) == n_bins
    assert sum(found.counts) == pytest.approx(event.size)
    # scipy wants equal sums; its argument sum_check, which lets them differ, is younger than our oldest scipy.
    theirs = chisquare(found.counts, np.full(n_bins, sum(found.counts) / n_bins))
    assert found.statistic == pytest.approx(theirs.statistic, abs=1e-9)
    if event.size >= 5 * n_bins:
        assert found.p_value == pytest.approx(theirs.pvalue, abs=1e-9)
    else:
        assert math.isnan(found.p_value)


def simulate(n, seed, *, late=False):
    """Exponential deaths with their true S at exit and at entry."""
    rng = np.random.default_rng(seed)
    rate = np.exp(rng.normal(size=n))
    death = rng.exponential(1 / rate)
    entry = rng.exponential(0.3, n) if late else np.zeros(n)
    seen = entry < death
    exit_time = np.minimum(death, entry + rng.exponential(1.5, n))[seen]
    return (death[seen] <= exit_time), np.exp(-rate[seen] * exit_time), np.exp(-rate[seen] * entry[seen])


@pytest.mark.parametrize("late", [False, True])
def test_true_curves_pass_and_wrong_ones_do_not(late):
    event, at_exit, at_entry = simulate(4000, 1, late=late)
    assert d_calibration(event, at_exit, at_entry).p_value > 0.01
    assert d_calibration(event, at_exit**1.4, at_entry**1.4).p_value < 1e-6
    if late:
        assert d_calibration(event, at_exit).p_value < 1e-6, "late entry ignored is a wrong curve"


def test_without_censoring_the_p_values_of_true_curves_are_uniform():
    rng = np.random.default_rng(4)
    p_values = [d_calibration(np.ones(200, dtype=bool), rng.random(200)).p_value for _ in range(300)]
    assert kstest(p_values, "uniform").pvalue > 0.01


def test_curves_at_their_ends():
    assert d_calibration(np.array([False, False]), np.array([0.0, 1.0]), n_bins=2).counts == pytest.approx((1.5, 0.5))
    assert d_calibration(np.array([True, True]), np.array([0.0, 1.0]), n_bins=2).counts == pytest.approx((1, 1))
    empty = d_calibration(np.array([], dtype=bool), np.array([]))
    assert math.isnan(empty.statistic)
    assert math.isnan(empty.p_value)


@pytest.mark.parametrize(
    ("at_exit", "at_entry", "n_bins", "message"),
    [
        ([0.5], None, 10, "one length"),
        ([0.5, 1.2], None, 10, r"survival must lie in \[0, 1\]"),
        ([0.5, math.nan], None, 10, r"survival must lie in \[0, 1\]"),
        ([0.5, 0.9], [0.6, 0.8], 10, "not rise"),
        ([0.0, 0.0], [0.0, 0.5], 10, "above 0 at entry"),
        ([0.5, 0.5], None, 1, "n_bins must be at least 2"),
    ],
)
def test_slips_are_refused(at_exit, at_entry, n_bins, message):
    entry = None if at_entry is None else np.array(at_entry)
    with pytest.raises(ValueError, match=message):
        d_calibration(np.array([True, False]), np.array(at_exit), entry, n_bins)
