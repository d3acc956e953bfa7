"""The closed table of learners: each builds with its settings and writes itself as the member it fitted."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.base import clone

from riskml.training.learners.table import LEARNERS

GRID = (3.0, 6.0, 12.0)


def outcome(kind, n=80, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) * [1, 10, 0.1] + [0, 50, -2]
    risk = X @ [0.8, -0.05, 2.0]
    if kind == "binary":
        return X, (rng.random(n) < 1 / (1 + np.exp(-(risk - risk.mean())))).astype(int)
    y = np.empty(n, dtype=[("event", bool), ("time", float)])
    y["time"] = rng.exponential(10 * np.exp(-(risk - risk.mean())))
    y["event"] = y["time"] < 20
    y["time"] = y["time"].clip(1e-3, 20)
    return X, y


def test_the_table_is_closed_and_named_as_recipes_name_it():
    assert {name: learner.outcome for name, learner in LEARNERS.items()} == {
        "ridge_logistic": "binary",
        "ridge_cox": "survival",
    }


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_settings_reach_the_estimator_and_have_a_default(name):
    build = LEARNERS[name].build
    assert build({"kind": name}, GRID).prior_scale == 0.5
    assert build({"kind": name, "prior_scale": 0.25}, GRID).prior_scale == 0.25


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_a_tighter_prior_shrinks_more(name):
    learner = LEARNERS[name]
    X, y = outcome(learner.outcome)
    size = [
        np.abs(learner.export(learner.build({"prior_scale": s}, GRID).fit(X, y)).linear.coefficients[0])
        for s in (0.02, 0.5)
    ]
    assert size[0] < size[1]


def test_the_logistic_member_is_the_fitted_model():
    learner = LEARNERS["ridge_logistic"]
    X, y = outcome("binary")
    fitted = clone(learner.build({}, ())).fit(X, y)
    member = learner.export(fitted)
    assert (member.weight, member.baseline) == (1.0, None)
    for row, want in zip(X, fitted.predict_proba(X)[:, 1], strict=True):
        lp = member.linear.intercept + math.fsum(c * x for c, x in zip(member.linear.coefficients, row, strict=True))
        assert 1 / (1 + math.exp(-lp)) == pytest.approx(want, abs=1e-12)


def test_the_cox_member_is_the_fitted_model_at_and_between_the_knots():
    learner = LEARNERS["ridge_cox"]
    X, y = outcome("survival")
    fitted = clone(learner.build({}, GRID)).fit(X, y)
    member = learner.export(fitted)
    assert member.baseline.times == (0.0, *GRID)
    times = (0.0, 1.0, 3.0, 5.5, 12.0)
    want = np.exp(-fitted.predict_cumulative_hazard(X, times))
    for row, curve in zip(X, want, strict=True):
        lp = member.linear.intercept + math.fsum(c * x for c, x in zip(member.linear.coefficients, row, strict=True))
        got = [math.exp(-member.baseline.at(t) * math.exp(lp)) for t in times]
        assert got == pytest.approx(curve, abs=1e-12)


def test_the_cox_baseline_belongs_to_the_mean_patient():
    """At the mean of the inputs the linear predictor is 0, so a baseline never has to be extrapolated to x = 0."""
    learner = LEARNERS["ridge_cox"]
    X, y = outcome("survival")
    member = learner.export(learner.build({}, GRID).fit(X, y))
    assert member.linear.intercept + X.mean(axis=0) @ member.linear.coefficients == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", sorted(LEARNERS))
def test_members_hold_plain_python_numbers(name):
    learner = LEARNERS[name]
    X, y = outcome(learner.outcome)
    member = learner.export(learner.build({}, GRID).fit(X, y))
    numbers = [member.weight, member.linear.intercept, *member.linear.coefficients]
    if member.baseline:
        numbers += [*member.baseline.times, *member.baseline.cumulative_hazard]
    assert {type(number) for number in numbers} == {float}
