"""The batched likelihood against one problem at a time, written out."""

from __future__ import annotations

import numpy as np
import pytest

from riskml.training.learners import logistic_batch
from riskml.training.learners.logistic_batch import LogisticBatch


def problems(seed=0, n=40, p=3, b=5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.geomspace(0.01, 100, p) + 50
    event = np.arange(n) % 3 == 0
    return X, event.astype(float), rng.integers(0, 3, (n, b)).astype(float), rng.normal(size=(1 + p, b))


def test_likelihood_gradient_and_information_equal_one_problem_at_a_time():
    X, event, weight, theta = problems()
    batch = LogisticBatch.build(X, event, weight)
    value, gradient, information = batch.loglik(theta), batch.gradient(theta), batch.information(theta)
    Z = np.column_stack([np.ones(len(X)), (X - X.mean(axis=0)) / X.std(axis=0)])
    for k in range(weight.shape[1]):
        risk = 1 / (1 + np.exp(-Z @ theta[:, k]))
        likelihood = weight[:, k] @ np.log(np.where(event == 1, risk, 1 - risk))
        assert value[k] == pytest.approx(likelihood)
        np.testing.assert_allclose(gradient[:, k], Z.T @ (weight[:, k] * (event - risk)))
        np.testing.assert_allclose(information[..., k], Z.T @ np.diag(weight[:, k] * risk * (1 - risk)) @ Z)


def test_the_information_does_not_depend_on_how_it_is_cut(monkeypatch):
    X, event, weight, theta = problems(1)
    batch = LogisticBatch.build(X, event, weight)
    whole = batch.information(theta)
    monkeypatch.setattr(logistic_batch, "CHUNK", 70)  # seven rows at a time
    np.testing.assert_allclose(batch.information(theta), whole, rtol=1e-12)


def test_extreme_parameters_stay_finite():
    X, event, weight, theta = problems(2)
    batch = LogisticBatch.build(X, event, weight)
    assert np.isfinite(batch.loglik(1e6 * theta)).all()
    assert np.isfinite(batch.gradient(1e6 * theta)).all()
    assert (np.einsum("jjb->jb", batch.information(1e6 * theta, least=1e-9)) > 0).all()


def test_spread_is_the_standard_deviation_of_the_rows_a_problem_sees():
    X, event, weight, _ = problems(3)
    X = np.column_stack([X, np.arange(len(X)) < 5, np.full(len(X), 0.1)])
    weight[:5, 0] = 0  # the first problem sees no row with the lesion
    batch = LogisticBatch.build(X, event, weight)
    spread = batch.spread()
    for k in range(weight.shape[1]):
        seen = np.repeat(batch.rows, weight[:, k].astype(int), axis=0)
        np.testing.assert_allclose(spread[:, k], seen.std(axis=0), atol=1e-12)
    assert spread[4, 0] == 0
    assert (spread[5] == 0).all()
    assert (spread[0] == 0).all()


def test_null_is_the_event_rate_and_has_no_score_there():
    X, event, weight, _ = problems(4)
    batch = LogisticBatch.build(X, event, weight)
    null = batch.null()
    np.testing.assert_allclose(1 / (1 + np.exp(-null[0])), event @ weight / weight.sum(axis=0))
    np.testing.assert_allclose(batch.gradient(null)[0], 0, atol=1e-12)


def test_parameters_go_back_to_the_inputs_as_they_came():
    X, event, weight, theta = problems(5)
    X = np.column_stack([X, np.full(len(X), 7.0)])
    batch = LogisticBatch.build(X, event, weight)
    theta = np.vstack([theta, np.full(theta.shape[1], 3.0)])
    intercept, coef = batch.to_inputs(theta)
    np.testing.assert_allclose(X @ coef.T + intercept, batch.rows @ theta, atol=1e-9)
    assert (coef[:, -1] == 0).all()


def test_some_problems_of_a_batch():
    X, event, weight, theta = problems(6)
    batch = LogisticBatch.build(X, event, weight)
    chosen = np.array([3, 3, 0])
    np.testing.assert_allclose(batch.of(chosen).loglik(theta[:, chosen]), batch.loglik(theta)[chosen])
