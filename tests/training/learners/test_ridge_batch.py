"""Many ridge refits at once against the estimator refitted one at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning

from riskml.training.learners import ridge_batch
from riskml.training.learners.ridge_batch import ridge_logistic_batch
from riskml.training.learners.ridge_logistic import RidgeLogistic


def cohort(seed, n=50, p=6, resamples=8):
    """Inputs of many sizes, one of them a rare lesion that some resamples miss, and a collinear one."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.geomspace(0.01, 100, p) + 3
    X = np.column_stack([X, np.arange(n) == 3, X[:, 0] * 7 + 1, np.full(n, 0.1)])
    event = (rng.random(n) < 1 / (1 + np.exp(1 - 100 * (X[:, 0] - 3)))).astype(float)
    event[:2] = 0, 1
    drawn = [
        np.concatenate([rng.choice(np.flatnonzero(event == k), int((event == k).sum())) for k in (0, 1)])
        for _ in range(resamples)
    ]
    return X, event, np.array([np.bincount(rows, minlength=n) for rows in drawn]).T.astype(float)


def one_by_one(X, event, counts, **settings):
    fits = [RidgeLogistic(**settings).fit(X, event, weight) for weight in counts.T]
    return np.array([fit.intercept_[0] for fit in fits]), np.array([fit.coef_[0] for fit in fits])


@given(st.integers(0, 100_000), st.integers(8, 60))
@settings(max_examples=20, deadline=None)
def test_every_resample_equals_its_own_fit(seed, n):
    X, event, counts = cohort(seed, n=n)
    spread = X.std(axis=0) + (X.std(axis=0) < 1e-9)
    intercept, coef = ridge_logistic_batch(X, event, counts)
    alone_intercept, alone = one_by_one(X, event, counts)
    np.testing.assert_allclose(coef * spread, alone * spread, atol=1e-8)
    np.testing.assert_allclose(X @ coef.T + intercept, X @ alone.T + alone_intercept, atol=1e-7)


def test_a_resample_without_the_lesion_has_no_effect_of_it():
    X, event, counts = cohort(1)
    counts[3] = np.arange(counts.shape[1]) % 2
    coef = ridge_logistic_batch(X, event, counts)[1]
    assert (coef[::2, 6] == 0).all()
    assert (coef[1::2, 6] != 0).all()
    assert (coef[:, 8] == 0).all()


@pytest.mark.parametrize("settings", [{"tau": 0.3}, {"tau": 4.0}, {"prior_scale": 0.1}])
def test_settings_are_those_of_the_estimator(settings):
    X, event, counts = cohort(2)
    np.testing.assert_allclose(
        ridge_logistic_batch(X, event, counts, **settings)[1], one_by_one(X, event, counts, **settings)[1], rtol=1e-6
    )


def test_fractional_weights_separation_and_more_inputs_than_rows():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(20, 40))
    event = (X[:, 0] > 0).astype(float)
    counts = rng.uniform(0.1, 2, (20, 3))
    np.testing.assert_allclose(ridge_logistic_batch(X, event, counts)[1], one_by_one(X, event, counts)[1], atol=1e-8)


def test_mean_prediction_is_the_event_rate_of_the_resample():
    X, event, counts = cohort(4)
    intercept, coef = ridge_logistic_batch(X, event, counts)
    risk = 1 / (1 + np.exp(-(X @ coef.T + intercept)))
    share = counts / counts.sum(axis=0)
    np.testing.assert_allclose((share * risk).sum(axis=0), event @ share, atol=1e-12)


def test_blocks_do_not_matter(monkeypatch):
    X, event, counts = cohort(5)
    whole = ridge_logistic_batch(X, event, counts)[1]
    monkeypatch.setattr(ridge_batch, "LARGEST_BLOCK", 1)
    np.testing.assert_allclose(ridge_logistic_batch(X, event, counts)[1], whole, atol=1e-9)


def test_too_few_steps_are_reported():
    X, event, counts = cohort(6)
    with pytest.warns(ConvergenceWarning, match="did not converge in max_iter=1 Newton steps"):
        ridge_logistic_batch(X, event, counts, max_iter=1)


def test_bad_input_is_refused():
    X, event, counts = cohort(7)
    infinite, lost, negative, single = X.copy(), X.copy(), counts.copy(), counts.copy()
    infinite[0, 0], lost[0, 0], negative[0, 0] = math.inf, math.nan, -1
    single[event == 1, 2] = 0
    for inputs, outcome, weight, changed, message in (
        (infinite, event, counts, {}, "X must be finite"),
        (lost, event, counts, {}, "X must be finite"),
        (X, event, negative, {}, "counts must be finite and not negative"),
        (X, event, single, {}, "resample 2 holds one class only"),
        (X, event + 1, counts, {}, "event must be 0 or 1"),
        (X, event[:-1], counts, {}, "must have the shapes"),
        (X, event, counts[:-1], {}, "must have the shapes"),
        (X, event, counts, {"tau": math.inf}, "tau must be finite"),
        (X, event, counts, {"prior_scale": 0.0}, "prior_scale must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            ridge_logistic_batch(inputs, outcome, weight, **changed)
