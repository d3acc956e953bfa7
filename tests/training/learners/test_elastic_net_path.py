"""The batched elastic-net solver: conditions of the optimum, scikit-learn's saga, and what a search must keep apart."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from riskml.training.learners import elastic_net_path
from riskml.training.learners.elastic_net_path import Points, Search, penalty_points, search_paths, solve
from riskml.training.learners.logistic_batch import LogisticBatch


def cohort(seed, n=60, p=5, collinear=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) @ (np.eye(p) + 0.4 * rng.normal(size=(p, p))) * np.geomspace(0.1, 30, p) + 3
    if collinear:
        X = np.column_stack([X, X[:, 0] * 2 - 1, np.full(n, 0.1)])
    z = (X[:, :p] - X[:, :p].mean(axis=0)) / X[:, :p].std(axis=0)
    event = rng.random(n) < 1 / (1 + np.exp(1 - z @ np.resize([1.0, -0.8, 0.0], p)))
    event[:4] = False, True, False, True
    return X, event.astype(float)


def standardised(X):
    scale = X.std(axis=0)
    return (X - X.mean(axis=0)) / np.where(np.ptp(X, axis=0) < 1e-9, 1.0, scale), scale


@given(st.integers(0, 100_000), st.integers(10, 80), st.floats(1e-2, 50), st.sampled_from([0.0, 0.2, 0.7, 1.0]))
@settings(max_examples=60, deadline=None)
def test_conditions_of_the_optimum(seed, n, penalty, l1_ratio):
    """Karush-Kuhn-Tucker: the score of a coefficient is its subgradient, within l1 where the coefficient is 0."""
    X, event = cohort(seed, n=n, collinear=True)
    weight = np.random.default_rng(seed).integers(0, 3, n).astype(float)
    weight[:4] = 1
    batch = LogisticBatch.build(X, event, weight[:, None])
    theta = solve(batch, np.zeros(1, dtype=int), np.array([penalty]), np.array([l1_ratio]))
    intercept, coef = (part[0] for part in batch.to_inputs(theta))
    seen = np.repeat(X, weight.astype(int), axis=0)
    z, scale = standardised(seen)
    beta = coef * scale
    score = z.T @ (np.repeat(event, weight.astype(int)) - 1 / (1 + np.exp(-(seen @ coef + intercept))))
    smooth = score - penalty * (1 - l1_ratio) * beta
    active = coef != 0
    assert np.abs(smooth[active] - penalty * l1_ratio * np.sign(beta[active])).max(initial=0) < 1e-5
    assert (np.abs(smooth[~active]) <= penalty * l1_ratio + 1e-5).all()
    assert not active[-1]  # constant
    if l1_ratio == 0:  # two copies of an input share its effect
        assert beta[0] == pytest.approx(beta[5], abs=1e-4)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
def test_saga_finds_the_same(l1_ratio):
    X, event = cohort(1)
    z, scale = standardised(X)
    batch = LogisticBatch.build(X, event, np.ones((len(X), 1)))
    for penalty in (0.3, 2.0, 8.0):
        oracle = LogisticRegression(C=1 / penalty, l1_ratio=l1_ratio, solver="saga", tol=1e-11, max_iter=100_000)
        oracle.fit(z, event)
        intercept, coef = batch.to_inputs(solve(batch, np.zeros(1, int), np.array([penalty]), np.array([l1_ratio])))
        np.testing.assert_allclose(coef[0] * scale, oracle.coef_[0], atol=1e-6)
        assert intercept[0] + X.mean(axis=0) @ coef[0] == pytest.approx(oracle.intercept_[0], abs=1e-6)


def test_ridge_alone_equals_lbfgs_and_newton():
    X, event = cohort(2, n=150)
    z, scale = standardised(X)
    batch = LogisticBatch.build(X, event, np.ones((len(X), 1)))
    coef = batch.to_inputs(solve(batch, np.zeros(1, int), np.array([1.5]), np.zeros(1)))[1][0]
    for solver in ("lbfgs", "newton-cholesky"):
        oracle = LogisticRegression(C=1 / 1.5, solver=solver, tol=1e-10, max_iter=10_000).fit(z, event)
        np.testing.assert_allclose(coef * scale, oracle.coef_[0], atol=1e-6)


def test_the_intercept_is_right_where_every_coefficient_is_zero():
    """The logit of the event rate; scikit-learn's saga stops on the way there."""
    X, event = cohort(3)
    points = penalty_points(X, event, np.ones(len(X)), [1.0], 2, 0.5)
    path = search_paths(X, event, [Search(np.ones(len(X)), points, ())], tol=1e-7, max_iter=50)[0]
    assert (path.coef[0] == 0).all()
    assert path.intercept[0] == pytest.approx(np.log(event.mean() / (1 - event.mean())), abs=1e-12)
    assert (path.coef[1] != 0).any()


@pytest.mark.parametrize("l1_ratio", [0.1, 1.0])
def test_the_largest_penalty_is_the_least_that_leaves_nothing(l1_ratio):
    X, event = cohort(4)
    points = penalty_points(X, event, np.ones(len(X)), [l1_ratio], 3, 0.01)
    np.testing.assert_allclose(points.penalty / points.penalty[0], [1, 0.1, 0.01])
    near = Points(np.full(2, l1_ratio), points.penalty[0] * np.array([1 + 1e-9, 1 - 1e-3]))
    path = search_paths(X, event, [Search(np.ones(len(X)), near, ())], tol=1e-9, max_iter=50)[0]
    assert np.count_nonzero(path.coef, axis=1).tolist() == [0, 1]


def test_each_fold_is_fitted_as_if_it_were_alone():
    """A fold of a search, its scaling included, knows nothing of the rows it leaves out."""
    X, event = cohort(5, n=40)
    X[0] = 1e4  # an outlier, left out by the first fold
    folds = [np.arange(0, 8), np.arange(8, 40, 2)]
    points = Points(np.array([0.5, 1.0]), np.array([1.0, 3.0]))
    path = search_paths(X, event, [Search(np.ones(40), points, folds)], tol=1e-8, max_iter=100)[0]
    for fold, test in enumerate(folds):
        kept = np.delete(np.arange(40), test)
        alone = search_paths(X[kept], event[kept], [Search(np.ones(len(kept)), points, ())], tol=1e-8, max_iter=100)[0]
        log_odds = X[test] @ alone.coef.T + alone.intercept
        loss = -np.log(1 / (1 + np.exp(np.where(event[test, None] == 1, -log_odds, log_odds)))).mean(axis=0)
        np.testing.assert_allclose(path.log_loss[fold], loss, rtol=1e-6)


def test_searches_and_blocks_do_not_meet(monkeypatch):
    X, event = cohort(6)
    first, second = np.ones(len(X)), (np.arange(len(X)) % 4 > 0).astype(float)
    second[:4] = 1
    searches = [
        Search(first, Points(np.ones(2), np.array([3.0, 1.0])), [np.arange(20, 30)]),
        Search(second, Points(np.full(3, 0.5), np.array([5.0, 2.0, 1.0])), [np.arange(4, 10), np.arange(12, 30)]),
    ]
    together = search_paths(X, event, searches, tol=1e-9, max_iter=100)
    monkeypatch.setattr(elastic_net_path, "LARGEST_BLOCK", 1)
    for search, joint in zip(searches, together, strict=True):
        alone = search_paths(X, event, [search], tol=1e-9, max_iter=100)[0]
        np.testing.assert_allclose(joint.coef, alone.coef, atol=1e-8)
        np.testing.assert_allclose(joint.log_loss, alone.log_loss, atol=1e-9)


def test_separated_outcomes_and_more_inputs_than_patients():
    rng = np.random.default_rng(7)
    X = rng.normal(size=(25, 60))
    event = (X[:, 0] > 0).astype(float)
    points = penalty_points(X, event, np.ones(25), [0.1, 1.0], 8, 1e-3)
    path = search_paths(X, event, [Search(np.ones(25), points, ())], tol=1e-7, max_iter=200)[0]
    assert np.isfinite(path.coef).all()
    assert (np.count_nonzero(path.coef[8:], axis=1) <= 25).all()
    assert np.argmax(np.abs(path.coef[-1] * X.std(axis=0))) == 0


def test_too_few_steps_are_reported():
    X, event = cohort(8)
    batch = LogisticBatch.build(X, event, np.ones((len(X), 1)))
    with pytest.warns(ConvergenceWarning, match="1 penalised fits did not converge in max_iter=1"):
        solve(batch, np.zeros(1, int), np.array([0.1]), np.array([0.5]), max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solve(batch, np.zeros(1, int), np.array([0.1]), np.array([0.5]))
