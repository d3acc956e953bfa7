"""Tuned elastic-net Cox regression against scikit-survival at the same penalty, and where paths are awkward."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sksurv.linear_model import CoxnetSurvivalAnalysis, CoxPHSurvivalAnalysis

from riskml.runtime.members import member_from_dict
from riskml.training.learners.cox_likelihood import CoxDesign, efron
from riskml.training.learners.coxnet import ElasticNetCox, _deal, _largest_penalty, _log_likelihood

GRID = (0.5, 1.0, 2.0)


def outcome(event, time, entry=None):
    fields = [("event", bool), ("time", float)] + ([] if entry is None else [("entry", float)])
    columns = [event, time] + ([] if entry is None else [entry])
    return np.array(list(zip(*columns, strict=True)), dtype=fields)


def cohort(seed, n=80, p=4, ties=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.geomspace(0.1, 30, p) + 3
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    time = rng.exponential(np.exp(-z @ np.resize([0.9, -0.5, 0.0, 0.0], p))) + 1e-3
    event = rng.random(n) < 0.7
    event[:3] = True
    return X, outcome(event, np.ceil(time * 4) / 4 if ties else time)


def fit(X, y, *args, **settings):
    return ElasticNetCox(**({"time_grid": GRID, "n_penalties": 8} | settings)).fit(X, y, *args)


@pytest.mark.parametrize("ties", [False, True])
def test_coefficients_equal_scikit_survivals_at_the_same_penalty(ties):
    X, y = cohort(1, ties=ties)
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    model = fit(X, y, tol=1e-12)
    oracle = CoxnetSurvivalAnalysis(alphas=[model.penalty_], l1_ratio=model.l1_ratio_, tol=1e-12).fit(z, y)
    np.testing.assert_allclose(model.coef_ * X.std(axis=0), oracle.coef_[:, 0], atol=1e-6)
    np.testing.assert_allclose(model.predict(X), X @ model.coef_)


def test_the_first_penalty_is_scikit_survivals_and_leaves_nothing():
    X, y = cohort(2, ties=True)
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    oracle = CoxnetSurvivalAnalysis(l1_ratio=0.4, n_alphas=5).fit(z, y)
    order = np.argsort(-y["time"], kind="stable")
    assert _largest_penalty(X[order], y["time"][order], y["event"][order], 0.4) == pytest.approx(oracle.alphas_[0])
    assert (fit(X, y, n_penalties=1).coef_ == 0).all()


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_log_likelihood_equals_efrons_without_ties(seed):
    X, y = cohort(seed, n=30)
    order = np.argsort(-y["time"])
    beta = np.random.default_rng(seed).normal(size=(4, 3)) / X.std(axis=0)[:, None]
    design = CoxDesign.build(X, y["time"], y["event"])
    ours = _log_likelihood(X[order] @ beta, y["time"][order], y["event"][order])
    np.testing.assert_allclose(ours, [efron(column, design)[0] for column in beta.T])


def test_log_likelihood_of_ties_by_hand():
    # At time 2 two of three at risk have the event, at time 1 the first of four: Breslow.
    value = _log_likelihood(np.zeros((4, 1)), np.array([2.0, 2.0, 2.0, 1.0]), np.array([True, True, False, True]))
    assert value[0] == pytest.approx(-2 * math.log(3) - math.log(4))


def test_the_deviance_is_verweij_and_van_houwelingens():
    """Each fold: log-likelihood of everybody minus that of the training rows, at the fold's coefficients."""
    X, y = cohort(3)
    order = np.argsort(-y["time"], kind="stable")
    X, y = X[order], y[order]
    model = fit(X, y, l1_ratios=[0.5], tol=1e-10)
    penalties = model.deviance_[0.5][:, 0]
    total = np.zeros(len(penalties))
    for test in _deal(np.arange(len(y)), y["event"], 5, 0):
        own = np.delete(np.arange(len(y)), test)
        z = (X[own] - X[own].mean(axis=0)) / X[own].std(axis=0)
        coef = CoxnetSurvivalAnalysis(alphas=penalties, l1_ratio=0.5, tol=1e-10).fit(z, y[own]).coef_
        for k, beta in enumerate((coef / X[own].std(axis=0)[:, None]).T):
            both = [efron(beta, CoxDesign.build(X[r], y["time"][r], y["event"][r]))[0] for r in (slice(None), own)]
            total[k] -= 2 * (both[0] - both[1])
    np.testing.assert_allclose(model.deviance_[0.5][:, 1], total / y["event"].sum(), rtol=1e-6)
    assert model.penalty_ == penalties[np.argmin(total)]


def test_a_small_penalty_tends_to_maximum_likelihood():
    X, y = cohort(4, n=200)
    model = fit(X, y, span=1e-6, n_penalties=40, l1_ratios=[1.0], tol=1e-12)
    free = CoxPHSurvivalAnalysis(tol=1e-12).fit((X - X.mean(axis=0)) / X.std(axis=0), y).coef_
    assert len(model.deviance_[1.0]) < 40  # scikit-survival ends the path where the deviance hardly changes
    assert np.abs(model.coef_ * X.std(axis=0) - free).max() < 0.3


def test_noise_is_left_out():
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(150, 6)), outcome(rng.random(150) < 0.5, rng.exponential(size=150))
    model = fit(X, y, l1_ratios=[1.0])
    free = CoxPHSurvivalAnalysis().fit(X, y).coef_
    assert np.abs(model.coef_).sum() < 0.6 * np.abs(free).sum()
    assert model.deviance_[1.0][0, 1] < model.deviance_[1.0][-1, 1]


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=10, deadline=None)
def test_the_portable_member_predicts_the_same(seed, ties):
    X, y = cohort(seed, n=40, ties=ties)
    model = fit(X, y)
    member = member_from_dict(json.loads(json.dumps(model.to_portable().to_dict())), 4, "survival")
    far = np.vstack([X, 1e4 * X, -1e4 * X])
    times = [0.0, 0.3, 1.0, 2.0]
    expected = model.predict_survival(far, times)
    assert ((expected >= 0) & (expected <= 1)).all()
    assert (np.diff(expected, axis=1) <= 0).all()
    prepared = member.response.prepare(times)
    np.testing.assert_allclose(member.response.table(member.predictor.table(far), prepared), expected, atol=1e-9)
    for row, curve in zip(far.tolist(), expected, strict=True):
        np.testing.assert_allclose(member.response.mean([member.predictor.at(row)], [1.0], prepared), curve, atol=1e-9)


def test_survival_is_calibrated_on_average_and_functions_agree():
    X, y = cohort(6, n=300)
    model = fit(X, y, time_grid=np.append(np.geomspace(0.02, 2, 12), y["time"].max()))
    met = -np.log([model.predict_survival(X[[i]], y["time"][[i]])[0, 0] for i in range(len(y))])
    assert met.sum() == pytest.approx(y["event"].sum(), rel=0.02)
    values = model.predict_survival_function(X[:5], return_array=True)
    curves = [curve(model.unique_times_) for curve in model.predict_survival_function(X[:5])]
    np.testing.assert_allclose(curves, values)
    assert model.score(X, y) > 0.65
    with pytest.raises(ValueError, match="months must lie in"):
        model.predict_survival(X, [y["time"].max() + 1])


def test_whole_weights_are_repeated_rows():
    X, y = cohort(7)
    weight = np.arange(len(y)) % 3
    groups = np.arange(len(y))
    weighted = fit(X, y, weight, groups)
    repeated = fit(X.repeat(weight, 0), y.repeat(weight), None, groups.repeat(weight))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(weighted.predict_survival(X, GRID), repeated.predict_survival(X, GRID))


def test_patients_are_dealt_whole_and_events_evenly():
    rng = np.random.default_rng(8)
    patient = rng.integers(0, 30, 100)
    event = np.isin(patient, np.arange(7)) & (rng.random(100) < 0.8)
    folds = _deal(patient, event, 5, 0)
    assert sorted(np.concatenate(folds).tolist()) == list(range(100))
    assert all(not set(patient[a]) & set(patient[b]) for i, a in enumerate(folds) for b in folds[:i])
    per_fold = [len(set(patient[rows][event[rows]])) for rows in folds]
    assert max(per_fold) - min(per_fold) <= 1
    assert len(_deal(patient, np.isin(patient, [0, 1, 2]), 5, 0)) == 3
    assert _deal(patient, patient == 4, 5, 0) == []


def test_hard_inputs():
    X, y = cohort(9)
    wide = fit(np.column_stack([X, X[:, 0] * 7 + 1, np.full(len(y), 0.1)]), y)
    assert wide.coef_[-1] == 0
    many = fit(np.random.default_rng(9).normal(size=(25, 60)), y[:25], n_penalties=4)
    assert np.isfinite(many.coef_).all()
    every = fit(X, outcome(np.ones(len(y), bool), y["time"]))  # nobody censored
    assert np.isfinite(every.predict_survival(X, GRID)).all()
    assert (fit(np.ones((20, 2)), y[:20]).coef_ == 0).all()
    together = fit(X, outcome(y["event"], np.ones(len(y))))  # all at one time: nothing ranks anyone
    assert np.abs(together.coef_ * X.std(axis=0)).max() < 1
    alone = fit(X, outcome(np.arange(len(y)) == 5, y["time"]))
    assert (alone.coef_ == 0).all()
    separated = fit(np.arange(40.0)[:, None], outcome(np.ones(40, bool), 40.0 - np.arange(40)), time_grid=[40.0])
    assert np.isfinite(separated.coef_).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"time_grid": [2.0, 1.0]}, "time_grid must"),
        ({"l1_ratios": [0.0]}, "l1_ratios must"),
        ({"l1_ratios": []}, "l1_ratios must"),
        ({"n_penalties": 0}, "n_penalties must"),
        ({"span": 0.0}, "span must"),
        ({"folds": 1}, "folds must"),
    ],
)
def test_bad_parameters_are_refused(settings, message):
    X, y = cohort(0)
    with pytest.raises(ValueError, match=message):
        fit(X, y, **settings)


def test_bad_outcomes_are_refused():
    X, y = cohort(0)
    for bad, weight, message in (
        (outcome(y["event"], y["time"], np.zeros(len(y))), None, "cannot take entry times.*RidgeCox can"),
        (outcome(np.zeros(len(y), bool), y["time"]), None, "at least one event"),
        (y, np.full(len(y), 0.5), "whole numbers"),
        (y[:-1], None, "inconsistent"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(X, bad, weight)
    X[0, 0] = math.inf
    with pytest.raises(ValueError, match="infinity"):
        fit(X, y)


def test_estimator_conventions():
    X, y = cohort(0)
    model = ElasticNetCox(time_grid=GRID, folds=3)
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(NotFittedError):
        model.predict(X)
    np.testing.assert_array_equal(clone(model).fit(X, y).coef_, model.fit(X, y).coef_)


def test_a_path_that_overflows_is_cut_short(monkeypatch):
    """scikit-survival gives up on the whole path where its smallest penalty lets a relative risk overflow."""

    class Overflowing(CoxnetSurvivalAnalysis):
        def fit(self, X, y):
            if len(self.alphas) > 3:
                raise ArithmeticError("Numerical error, because weights are too large. Consider increasing alpha.")
            return super().fit(X, y)

    X, y = cohort(1)
    whole = fit(X, y, l1_ratios=[1.0], tol=1e-12).deviance_[1.0]
    monkeypatch.setattr("sksurv.linear_model.CoxnetSurvivalAnalysis", Overflowing)
    cut = fit(X, y, l1_ratios=[1.0], tol=1e-12).deviance_[1.0]
    assert len(cut) == 2  # 8 penalties, then 4, then 2
    np.testing.assert_allclose(cut, whole[:2], rtol=1e-6)
