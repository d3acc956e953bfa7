"""Ridge logistic regression against R, exact integration, scikit-learn's contract and the limits it must obey."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from riskml.runtime.members import member_from_dict
from riskml.training.learners.ridge_logistic import RidgeLogistic


@parametrize_with_checks([RidgeLogistic(), RidgeLogistic(tau=1.0)])
def test_sklearn_contract(estimator, check):
    check(estimator)


def cohort(seed, n=60, p=4, effect=1.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.geomspace(0.1, 30, p) + 3
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    y = rng.random(n) < expit(effect * z @ np.resize([1.0, -0.5, 0.5, 0.0], p) - 0.8)
    y[:2] = False, True
    return X, y.astype(int)


def test_maximum_likelihood_equals_r(data_file):
    """R 4.2.2 glm(outcome ~ s100b + ndka + age, binomial) on pROC's aSAH; R itself stops at about 1e-8."""
    with data_file("reference_stats/aSAH.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    X = np.array([[float(r[name]) for name in ("s100b", "ndka", "age")] for r in rows])
    model = RidgeLogistic(tau=math.inf).fit(X, [r["outcome"] == "Poor" for r in rows])
    assert model.intercept_[0] == pytest.approx(-3.458582629201, rel=1e-6)
    np.testing.assert_allclose(model.coef_[0], [5.04661954132435, 0.0313086327759972, 0.022021936035339], rtol=1e-6)
    errors = [0.995441056262533, 1.25878165605773, 0.0163050716937373, 0.0169321240576705]
    np.testing.assert_allclose(np.sqrt(np.diag(model.covariance_)), errors, rtol=1e-4)


@pytest.mark.parametrize("tau", [0.05, 0.5, 4.0])
def test_fixed_tau_equals_sklearns_ridge(tau):
    X, y = cohort(1)
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    oracle = LogisticRegression(C=tau**2, tol=1e-12, max_iter=10_000, solver="newton-cholesky").fit(z, y)
    model = RidgeLogistic(tau=tau).fit(X, y)
    np.testing.assert_allclose(model.coef_[0] * X.std(axis=0), oracle.coef_[0], rtol=1e-7)
    np.testing.assert_allclose(model.predict_proba(X), oracle.predict_proba(z), atol=1e-8)


@pytest.mark.parametrize(("seed", "effect"), [(0, 0.0), (1, 1.0), (2, 2.0)])
def test_weights_of_tau_equal_exact_integration(seed, effect):
    """One input: integrate the exact likelihood over intercept, coefficient and tau by quadrature."""
    X, y = cohort(seed, n=80, p=1, effect=effect)
    model = RidgeLogistic().fit(X, y)
    z = ((X - X.mean()) / X.std()).ravel()
    u, normal = np.polynomial.hermite_e.hermegauss(64)
    node, width = np.polynomial.legendre.leggauss(60)
    tau, intercept = 1.25 * (node + 1), np.linspace(-4, 3, 60)
    exact = np.zeros(60)
    for k, t in enumerate(tau):
        log_odds = intercept[:, None, None] + t * u[None, :, None] * z
        exact[k] = np.exp((y * log_odds - np.logaddexp(0, log_odds)).sum(axis=2) + 40).sum(axis=0) @ normal
    exact *= width * np.exp(-0.5 * (tau / 0.5) ** 2)
    # Laplace is good to O(1 / n), here about 1 %.
    for power in (1, 2):
        expected = exact @ tau**power / exact.sum()
        assert model.tau_weights_ @ model.tau_grid_**power == pytest.approx(expected, rel=0.02)


@given(st.integers(0, 10_000), st.integers(2, 60))
@settings(max_examples=30, deadline=None)
def test_mean_prediction_is_the_event_rate(seed, n):
    X, y = cohort(seed, n=n)
    weight = np.random.default_rng(seed).integers(1, 4, n)
    risk = RidgeLogistic().fit(X, y, weight).predict_proba(X)[:, 1]
    assert np.average(risk, weights=weight) == pytest.approx(np.average(y, weights=weight), abs=1e-12)


@given(st.integers(0, 10_000), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3))
@settings(max_examples=30, deadline=None)
def test_units_do_not_matter(seed, factor, shift):
    X, y = cohort(seed)
    moved = X.copy()
    moved[:, 1] = factor * (X[:, 1] + shift)
    plain, other = RidgeLogistic().fit(X, y), RidgeLogistic().fit(moved, y)
    assert other.coef_[0, 1] * factor == pytest.approx(plain.coef_[0, 1], rel=1e-6, abs=1e-9)
    np.testing.assert_allclose(other.predict_proba(moved), plain.predict_proba(X), atol=1e-8)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_weights_are_frequencies(seed):
    X, y = cohort(seed)
    weight = np.random.default_rng(seed).integers(0, 4, len(y))
    weight[:2] = 1
    weighted, repeated = RidgeLogistic().fit(X, y, weight), RidgeLogistic().fit(X.repeat(weight, 0), y.repeat(weight))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weighted.covariance_, repeated.covariance_, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_swapped_labels_swap_the_sign(seed):
    X, y = cohort(seed)
    np.testing.assert_allclose(RidgeLogistic().fit(X, 1 - y).coef_, -RidgeLogistic().fit(X, y).coef_, rtol=1e-8)


def test_noise_is_shrunk_and_signal_is_not():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(2000, 6))
    noise = RidgeLogistic().fit(X, rng.integers(0, 2, 2000))
    free = RidgeLogistic(tau=math.inf).fit(X, rng.integers(0, 2, 2000))
    assert np.linalg.norm(noise.coef_) < 0.5 * np.linalg.norm(free.coef_)
    y = rng.random(2000) < expit(X[:, 0])
    assert RidgeLogistic().fit(X, y).coef_[0, 0] == pytest.approx(1.0, abs=0.15)


def test_wide_prior_tends_to_maximum_likelihood():
    X, y = cohort(3, n=200)
    wide, free = RidgeLogistic(tau=1e5).fit(X, y), RidgeLogistic(tau=math.inf).fit(X, y)
    np.testing.assert_allclose(wide.coef_, free.coef_, rtol=1e-7)


def test_separation():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
    for few in (RidgeLogistic(), RidgeLogistic(tau=100.0)):
        assert 0 < few.fit(X, y).coef_[0, 0] < 1e3
    with pytest.raises(ValueError, match=r"no finite estimate.*Leave tau=None"):
        RidgeLogistic(tau=math.inf).fit(X, y)
    quasi = np.column_stack([np.repeat([0.0, 1.0], 20), np.tile([0.0, 1.0, 2.0, 3.0], 10)])
    outcome = np.where(quasi[:, 0] == 1, 1, np.arange(40) % 3 == 0)  # every patient with the lesion has the event
    with pytest.raises(ValueError, match="no finite estimate"):
        RidgeLogistic(tau=math.inf).fit(quasi, outcome)


def test_constant_and_collinear_columns():
    X, y = cohort(4)
    wide = np.column_stack([X, np.full(len(y), 0.1), X[:, 0] * 7 + 1])
    model = RidgeLogistic().fit(wide, y)
    assert model.coef_[0, 4] == 0
    assert model.covariance_[5, 5] == 0
    spread = wide.std(axis=0)
    assert model.coef_[0, 0] * spread[0] == pytest.approx(model.coef_[0, 5] * spread[5])  # two copies share the effect
    free = RidgeLogistic(tau=math.inf)
    once, twice = free.fit(X, y).predict_proba(X), free.fit(wide, y).predict_proba(wide)
    np.testing.assert_allclose(twice, once, atol=1e-9)
    nothing = RidgeLogistic().fit(np.ones((4, 2)), [0, 1, 1, 1])
    np.testing.assert_allclose(nothing.predict_proba([[9.0, 9.0]]), [[0.25, 0.75]])


def test_more_inputs_than_patients():
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(30, 200)), np.arange(30) % 3 == 0
    model = RidgeLogistic(tau=0.3).fit(X, y)
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    oracle = LogisticRegression(C=0.09, tol=1e-12, max_iter=10_000, solver="newton-cholesky").fit(z, y)
    np.testing.assert_allclose(model.coef_[0] * X.std(axis=0), oracle.coef_[0], atol=1e-8)
    # The coefficients' covariance has full rank: where no patient varies it is the prior's.
    scaled = model.covariance_[1:, 1:] * np.outer(X.std(axis=0), X.std(axis=0))
    values = np.linalg.eigvalsh(scaled)
    assert np.sum(np.isclose(values, 0.09, rtol=1e-6)) >= 200 - 29
    assert values.min() > 0


def test_posterior_interval_covers_as_it_says():
    """Drawn from the prior, 90 % intervals hold the truth about 90 % of the time."""
    rng, inside = np.random.default_rng(7), []
    for _ in range(150):
        X = rng.normal(size=(80, 4))
        X = (X - X.mean(axis=0)) / X.std(axis=0)
        beta = rng.normal(size=4) * abs(rng.normal(0, 0.5))
        y = rng.random(80) < expit(X @ beta - 0.5)
        model = RidgeLogistic().fit(X, y)
        inside += list(abs(model.coef_[0] - beta) < 1.645 * np.sqrt(np.diag(model.covariance_))[1:])
    assert np.mean(inside) == pytest.approx(0.9, abs=0.04)


def test_newton_converges_to_machine_precision():
    X, y = cohort(8)
    model = RidgeLogistic(tau=0.7).fit(X, y)
    gradient = X.T @ (y - model.predict_proba(X)[:, 1]) / X.std(axis=0) - model.coef_[0] * X.std(axis=0) / 0.49
    assert np.abs(gradient).max() < 1e-10


@pytest.mark.parametrize("y", [[1, 1, 1], [0, 1, 2]])
def test_anything_but_two_classes_is_refused(y):
    with pytest.raises(ValueError, match="class"):
        RidgeLogistic().fit([[0.0], [1.0], [2.0]], y)


@pytest.mark.parametrize("seed", range(3))
def test_the_portable_member_says_the_same(seed):
    X, y = cohort(seed)
    model = RidgeLogistic().fit(X, y)
    member = member_from_dict(json.loads(json.dumps(model.to_portable().to_dict())), X.shape[1], "binary")
    rows = np.vstack([X, np.zeros(4), np.full(4, 1e6), np.full(4, -1e6)])
    risk = model.predict_proba(rows)[:, 1]
    np.testing.assert_allclose(member.response.table(member.predictor.table(rows), None)[:, 0], risk, atol=1e-9)
    for row, p in zip(rows.tolist(), risk, strict=True):
        assert member.response.mean([member.predictor.at(row)], [1.0], None) == pytest.approx([p], abs=1e-9)


def test_draws_have_the_posteriors_mean_and_spread():
    X, y = cohort(7, n=200)
    model = RidgeLogistic().fit(X, y)
    assert model.draw(X.mean(axis=0), np.zeros(5)) == model.to_portable()
    linears = [model.draw(X.mean(axis=0), row).linear for row in np.random.default_rng(0).standard_normal((3000, 6))]
    drawn = np.array([(linear.intercept, *linear.coefficients) for linear in linears])
    spread = np.sqrt(np.diag(model.covariance_))
    size = np.outer(spread, spread)
    np.testing.assert_allclose(np.cov(drawn.T) / size, model.covariance_ / size, atol=0.1)
    with pytest.raises(NotFittedError):
        RidgeLogistic().to_portable()
