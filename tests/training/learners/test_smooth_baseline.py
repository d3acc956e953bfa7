"""The smoothed baseline: closed forms, exact integration, calibration in the large, and what smoothing must not do."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from riskml.training.learners.smooth_baseline import SmoothBaseline, average_baseline, checked_grid, smooth_baseline

MONTHS = (1, 2, 3, 6, 9, 12, 18, 24, 30, 36)


def cohort(seed, n=200, rate=0.03, followed=60):
    rng = np.random.default_rng(seed)
    log_risk = rng.normal(size=n) * 0.7
    time, left = rng.exponential(np.exp(-log_risk) / rate), rng.uniform(1, followed, n)
    return log_risk, np.minimum(time, left), time <= left


def expected_events(baseline, log_risk, time, entry=0.0):
    at = np.interp(time, baseline.times, baseline.cumulative_hazard)
    return np.exp(log_risk) @ (at - np.interp(entry, baseline.times, baseline.cumulative_hazard))


def test_narrow_prior_is_the_exponential_model():
    """One hazard: events / (time at risk x relative risk)."""
    log_risk, time, event = cohort(0)
    found = smooth_baseline(log_risk, time, event, MONTHS, tau=1e-4)
    rate = (event & (time <= 36)).sum() / (np.exp(log_risk) @ np.minimum(time, 36))
    np.testing.assert_allclose(found.log_hazard, math.log(rate), atol=1e-3)
    np.testing.assert_allclose(found.cumulative_hazard, rate * np.array([0, *MONTHS]), rtol=1e-3)
    # The logarithm of a Poisson rate has variance 1 / events, at every month alike.
    assert found.covariance == pytest.approx(1 / (event & (time <= 36)).sum(), rel=1e-3)


def test_without_a_prior_each_interval_has_its_own_rate():
    log_risk, time, event = cohort(1, n=4000)
    grid = np.linspace(1, 32, 32)  # as fine as the inner intervals, but for the first
    found = smooth_baseline(log_risk, time, event, grid, tau=math.inf)
    for k, (low, high) in enumerate(zip([0, *grid[:-1]], grid, strict=True)):
        exposure = np.exp(log_risk) @ (np.clip(time, low, high) - low)
        assert found.exposure[k] == pytest.approx(exposure)
        events = (event & (time > low) & (time <= high)).sum()
        assert found.log_hazard[k] == pytest.approx(math.log(events / exposure), abs=1e-6 if k else 0.01)
        assert found.covariance[k, k] == pytest.approx(1 / events, rel=1e-6 if k else 0.01)


def test_a_fixed_tau_is_the_penalised_maximum_scipy_finds():
    """Poisson likelihood and random walk in log time, written down again."""
    log_risk, time, event = cohort(2, n=80)
    edges = np.array([0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, *range(1, 33)])
    exposure = np.array([np.exp(log_risk) @ (np.clip(time, *ab) - ab[0]) for ab in pairwise(edges)])
    events = np.array([(event & (time > a) & (time <= b)).sum() for a, b in pairwise(edges)])
    middle = np.log(edges[:-1] + edges[1:])
    distance = np.diff(middle) / (middle[-1] - middle[0])

    def minus_log_posterior(log_hazard):
        walk = np.diff(log_hazard)
        value = events @ log_hazard - exposure @ np.exp(log_hazard) - 0.5 * (walk**2 / distance).sum() / 0.8**2
        slope = events - exposure * np.exp(log_hazard)
        pull = walk / distance / 0.8**2
        slope[1:] -= pull
        slope[:-1] += pull
        return -value, -slope

    best = minimize(minus_log_posterior, np.full(36, -3.0), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    found = smooth_baseline(log_risk, time, event, edges[5:], tau=0.8)
    np.testing.assert_allclose(found.log_hazard[1:], best[5:], atol=1e-5)
    assert found.cumulative_hazard[1] == pytest.approx(np.exp(best[:5]) @ np.diff(edges[:6]), rel=1e-5)


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=25, deadline=None)
def test_calibrated_in_the_large(seed, delayed):
    log_risk, time, event = cohort(seed, n=60)
    entry = np.random.default_rng(seed).uniform(0, 0.9, 60) * time if delayed else None
    weight = np.random.default_rng(seed + 1).uniform(0.2, 3, 60)
    grid = np.concatenate([0.5 ** np.arange(9.0, 0, -1), np.arange(1.0, 37)])  # so fine that linear in between is exact
    found = smooth_baseline(log_risk, time, event, grid, entry=entry, weight=weight)
    observed = weight @ (event & (time <= 36))
    expected = expected_events(found, log_risk + np.log(weight), time, 0.0 if entry is None else entry)
    assert expected == pytest.approx(observed, rel=1e-3)
    assert np.exp(found.log_hazard) @ found.exposure == pytest.approx(observed, rel=1e-3)
    assert (np.diff(found.cumulative_hazard) >= 0).all()
    assert np.linalg.eigvalsh(found.covariance).min() > -1e-9


def test_intervals_without_events_have_a_small_hazard_not_none():
    time = np.array([1.5, 2.5, 4, 20, 21, 30, 30, 30, 30, 30])
    event = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], dtype=bool)
    found = smooth_baseline(np.zeros(10), time, event, MONTHS)
    assert (found.log_hazard > -10).all()
    assert np.isfinite(found.log_hazard).all()
    # Nobody is seen beyond 30 months: the hazard goes on, and less is known about it.
    assert found.log_hazard[-1] == pytest.approx(found.log_hazard[-2], abs=0.05)
    assert found.covariance[-1, -1] > found.covariance[-3, -3]


def test_units_of_time_and_size_of_risks_do_not_matter():
    log_risk, time, event = cohort(3)
    plain = smooth_baseline(log_risk, time, event, MONTHS)
    days = smooth_baseline(log_risk + 300, time * 30, event, np.array(MONTHS) * 30.0)
    np.testing.assert_allclose(days.log_hazard, plain.log_hazard - math.log(30) - 300, rtol=1e-9)
    np.testing.assert_allclose(days.covariance, plain.covariance, rtol=1e-6)


def test_a_coarse_grid_gives_what_a_fine_one_gives():
    """A falling hazard: with one rate from 0 to 6 months the cumulative hazard at 6 would be overstated."""
    rng = np.random.default_rng(4)
    time = (rng.exponential(size=3000) / 0.21) ** 2
    left = rng.uniform(0, 40, 3000)
    seen, event = np.minimum(time, left), time <= left
    fine = smooth_baseline(np.zeros(3000), seen, event, np.arange(0.75, 24.1, 0.75))
    coarse = smooth_baseline(np.zeros(3000), seen, event, [6, 12, 24])
    at = np.interp([0, 6, 12, 24], fine.times, fine.cumulative_hazard)
    np.testing.assert_allclose(coarse.cumulative_hazard, at, rtol=1e-9)
    assert np.exp(-coarse.cumulative_hazard[1:]) == pytest.approx(np.exp(-0.21 * np.sqrt([6, 12, 24])), abs=0.03)


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0])
def test_the_truth_is_found_with_many_patients(shape):
    rng = np.random.default_rng(5)
    time, left = 20 * rng.exponential(size=20_000) ** (1 / shape), rng.uniform(0, 60, 20_000)
    found = smooth_baseline(np.zeros(20_000), np.minimum(time, left), time <= left, MONTHS)
    true = (np.array(MONTHS) / 20) ** shape
    assert np.exp(-found.cumulative_hazard[1:]) == pytest.approx(np.exp(-true), abs=0.01)


def test_draws_have_the_posteriors_mean_and_spread():
    found = smooth_baseline(*cohort(6), MONTHS)
    normal = np.random.default_rng(0).standard_normal((4000, len(MONTHS)))
    drawn = np.array([found.draw(row) for row in normal])
    assert (drawn[:, 0] == 0).all()
    log_hazard = np.log(np.diff(drawn, axis=1) / np.diff(found.times))
    np.testing.assert_allclose(log_hazard.mean(axis=0), found.log_hazard, atol=0.03)
    np.testing.assert_allclose(np.cov(log_hazard.T), found.covariance, rtol=0.1, atol=0.005)
    np.testing.assert_array_equal(found.draw(np.zeros(len(MONTHS))), found.cumulative_hazard)


def test_one_interval_and_events_at_zero():
    # Events at 0 and 2, and 0 + 2 + 4 units of time at risk.
    found = smooth_baseline(np.zeros(3), np.array([0.0, 2, 4]), np.array([True, True, False]), [4.0], tau=1e-4)
    assert found.cumulative_hazard == pytest.approx([0, 4 * 2 / 6], rel=1e-3)


def test_no_event_within_the_grid_is_no_hazard():
    found = smooth_baseline(np.zeros(2), np.array([50.0, 60.0]), np.array([True, False]), MONTHS)
    assert (found.cumulative_hazard == 0).all()
    assert (found.draw(np.ones(len(MONTHS))) == 0).all()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="nobody is under observation"):
        smooth_baseline(np.zeros(1), np.array([5.0]), np.array([True]), [1.0], entry=np.array([2.0]))
    with pytest.raises(ValueError, match="interval without events"):
        smooth_baseline(np.zeros(2), np.array([5.0, 32.0]), np.array([True, False]), np.arange(1.0, 33), tau=math.inf)
    with pytest.raises(ValueError, match="prior_scale must be positive"):
        smooth_baseline(*cohort(0), MONTHS, prior_scale=0.0)
    for grid in ([], [0.0, 1.0], [2.0, 1.0], [math.nan], [[1.0]]):
        with pytest.raises(ValueError, match="time_grid must hold"):
            checked_grid(grid)


def test_the_average_of_strata_by_hand():
    times = np.array([0.0, 1, 2])
    one = SmoothBaseline(times, np.log([0.1, 0.2]), np.diag([0.04, 0.01]), np.array([30.0, 10]))
    two = SmoothBaseline(times, np.log([0.3, 0.2]), np.zeros((2, 2)), np.array([10.0, 5]))
    mean = average_baseline([one, two], np.array([30.0, 10]))
    # Mean hazards .15 and .20; 3 + 2 + 3 + 1 = 9 events expected of the strata, .15 * 40 + .2 * 15 = 9 of their mean.
    assert np.exp(mean.log_hazard) == pytest.approx([0.15, 0.2])
    # Of .15 the first stratum gives .075 (half), of .2 three quarters.
    assert mean.covariance == pytest.approx(np.diag([0.25 * 0.04, 0.5625 * 0.01]))
    assert mean.exposure.tolist() == [40, 15]
    skewed = average_baseline([one, two], np.array([10.0, 30]))
    assert np.exp(skewed.log_hazard) @ skewed.exposure == pytest.approx(9)
    none = smooth_baseline(np.zeros(2), np.array([5.0, 6.0]), np.zeros(2, dtype=bool), [1.0, 2.0])
    half = average_baseline([one, none], np.array([1.0, 1.0]))
    assert np.exp(half.log_hazard) @ half.exposure == pytest.approx(5)
    assert (average_baseline([none, none], np.ones(2)).cumulative_hazard == 0).all()
