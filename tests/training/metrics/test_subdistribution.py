"""Fine and Gray's model by hand, against Cox's where they are the same, and its errors against refits.

R's cmprsk is in test_golden.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from riskml.training.metrics.competing import without_competing
from riskml.training.metrics.subdistribution import fine_gray


def sample(n=150, seed=3, *, late=False, censored=True):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=n), rng.random(n) < 0.4]).astype(float)
    first, other = rng.exponential(np.exp(-X[:, 0] + 0.5 * X[:, 1])), rng.exponential(1.5, n)
    end = rng.exponential(1.5, n) if censored else np.full(n, 1e9)
    time = np.round(np.minimum(np.minimum(first, other), end), 2) + 0.01
    cause = np.where(end < np.minimum(first, other), 0, np.where(first < other, 1, 2))
    entry = np.where(rng.random(n) < 0.6, 0.0, rng.uniform(0, 0.5, n)) if late else np.zeros(n)
    seen = entry < time
    return X[seen], time[seen], cause[seen], entry[seen] if late else None


def test_a_weighted_risk_set_by_hand():
    # With u = e^b. At 2 all five are at risk: 1 / (2 u + 3). At 3 one of three is censored, so from then on the
    # competing event of 1 counts 2/3. At 4: u / (2/3 u + u + 1). At 5: 1 / (2/3 u + 1).
    time, cause, x = np.array([1.0, 2, 3, 4, 5]), np.array([2, 1, 0, 1, 1]), np.array([1.0, 0, 0, 1, 0])
    grid = np.exp(np.linspace(-5, 5, 200_001))
    value = -np.log(2 * grid + 3) + np.log(grid) - np.log(grid * 5 / 3 + 1) - np.log(grid * 2 / 3 + 1)
    found = fine_gray(x[:, None], time, cause)
    assert found.coefficients[0] == pytest.approx(math.log(grid[np.argmax(value)]), abs=1e-4)


def test_without_competing_events_it_is_coxs_model():
    X, time, cause, _ = sample()
    cause = np.minimum(cause, 1)
    theirs = CoxPHSurvivalAnalysis(ties="breslow", tol=1e-12).fit(X, Surv.from_arrays(cause == 1, time)).coef_
    np.testing.assert_allclose(fine_gray(X, time, cause, breslow=True).coefficients, theirs, atol=1e-6)


def test_without_censoring_who_had_a_competing_event_stays_at_full_weight():
    X, time, cause, _ = sample(censored=False)
    moved, event = without_competing(time, cause)
    same = fine_gray(X, moved, event.astype(int))
    found = fine_gray(X, time, cause)
    np.testing.assert_allclose(found.coefficients, same.coefficients, atol=1e-7)
    np.testing.assert_allclose(found.covariance, same.covariance, atol=1e-7)


def test_entry_at_zero_and_units_change_nothing():
    X, time, cause, _ = sample()
    plain = fine_gray(X, time, cause)
    for found, factor in (
        (fine_gray(X, time, cause, np.zeros(time.size)), 1),
        (fine_gray(X / 10 + 3, time * 30, cause), 10),
    ):
        np.testing.assert_allclose(found.coefficients, factor * plain.coefficients, atol=1e-6)
        np.testing.assert_allclose(found.covariance, factor**2 * plain.covariance, rtol=1e-5)


@pytest.mark.parametrize("late", [False, True], ids=["from the start", "late entries"])
def test_the_covariance_is_nearly_that_of_the_jackknife(late):
    """Which estimates the weights anew without each patient; a sandwich that takes them as known misses that."""
    X, time, cause, entry = sample(400, late=late)
    n = time.size
    others = [np.arange(n) != k for k in range(n)]
    left = np.array(
        [fine_gray(X[r], time[r], cause[r], None if entry is None else entry[r]).coefficients for r in others]
    )
    jackknife = (left - left.mean(axis=0)).T @ (left - left.mean(axis=0)) * (n - 1) / n
    np.testing.assert_allclose(fine_gray(X, time, cause, entry).covariance, jackknife, rtol=0.1, atol=5e-4)


def test_the_errors_are_those_of_new_samples():
    found = [fine_gray(*sample(seed=seed)[:3]) for seed in range(150)]
    spread = np.std([fit.coefficients for fit in found], axis=0)
    errors = np.mean([np.sqrt(np.diag(fit.covariance)) for fit in found], axis=0)
    np.testing.assert_allclose(errors, spread, rtol=0.15)


@pytest.mark.parametrize(
    ("x", "cause"),
    [([1.0, 2, 3], [0, 2, 0]), ([1.0, 1, 1], [1, 2, 0]), ([3.0, 2, 1], [1, 1, 0])],
    ids=["no event of interest", "constant", "separated"],
)
def test_no_estimate_where_none_exists(x, cause):
    found = fine_gray(np.array(x)[:, None], np.array([1.0, 2, 3]), np.array(cause))
    assert np.isnan(found.coefficients).all()
    assert np.isnan(found.covariance).all()


def test_no_estimate_where_everybody_died_before_the_others_came():
    time, cause, entry = np.array([1.0, 3, 4, 5]), np.array([2, 1, 1, 0]), np.array([0.0, 2, 2, 2])
    assert np.isnan(fine_gray(np.array([[1.0], [2], [1], [2]]), time, cause, entry).coefficients).all()


def test_slips_are_refused():
    time, cause = np.array([1.0, 2]), np.array([1, 0])
    with pytest.raises(ValueError, match="X must hold finite numbers in 2 rows"):
        fine_gray(np.ones(2), time, cause)
    with pytest.raises(ValueError, match="X must hold finite numbers in 2 rows"):
        fine_gray(np.array([[1.0], [math.nan]]), time, cause)
    with pytest.raises(ValueError, match="entry must be before"):
        fine_gray(np.ones((2, 1)), time, cause, np.array([1.0, 1]))
