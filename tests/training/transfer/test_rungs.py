"""Every rung is a restriction of one likelihood: checked against scikit-learn, closed forms and known distortions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from riskml.errors import NotEstimableError
from riskml.runtime.members import Linear, Member
from riskml.runtime.time_responses import Accelerated
from riskml.training.transfer.problem import pose
from riskml.training.transfer.rungs import fit_rung, unrestricted
from tests.training.transfer.ladder_cases import (
    EFFECTS,
    NAMES,
    binary,
    competing,
    cox,
    logistic,
    model_of,
    survival,
)


def test_intercept_and_slope_are_those_of_a_logistic_regression_on_the_link():
    cases, model = binary(400, 1, level=-0.4, effects=(0.4, -0.3, 0.2)), model_of(logistic())
    found = fit_rung(pose(model, cases), "intercept_and_slope")
    link = logit(cases.scores(model, ())[:, 0])
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(link[:, None], cases.target.event)
    assert found.intercept == pytest.approx(oracle.intercept_[0], abs=1e-5)
    assert found.slope == pytest.approx(oracle.coef_[0, 0], abs=1e-5)
    design = np.column_stack([np.ones(400), link])
    risk = oracle.predict_proba(link[:, None])[:, 1]
    by_hand = np.linalg.inv((design.T * risk * (1 - risk)) @ design)
    assert found.covariance == pytest.approx(by_hand, rel=1e-4)


@pytest.mark.parametrize("late", [False, True])
def test_the_level_of_a_hazard_is_log_of_observed_over_expected(late):
    """With proportional hazards and a known baseline: events over the sum of hazards met, in closed form."""
    cases, model = survival(300, 2, level=0.5, late=late), model_of(cox(), kind="survival")
    target = cases.target
    start = 0.0 if target.entry is None else target.entry
    expected = 0.02 * (target.time - start) * np.exp(cases.features @ np.array(EFFECTS))
    found = fit_rung(pose(model, cases), "intercept")
    assert found.intercept == pytest.approx(np.log(target.event.sum() / expected.sum()), abs=1e-6)
    assert found.covariance[0, 0] == pytest.approx(1 / target.event.sum(), rel=1e-6)


def test_of_several_causes_the_first_is_updated_by_its_own_hazard():
    cases, model = survival(400, 3, level=-0.6, causes=True), model_of(competing(), kind="incidence")
    expected = 0.02 * cases.target.time * np.exp(cases.features @ np.array(EFFECTS))
    found = fit_rung(pose(model, cases), "intercept")
    assert found.intercept == pytest.approx(np.log((cases.target.cause == 1).sum() / expected.sum()), abs=1e-6)


def log_time(scale=1.0):
    """A Weibull log-time with the hazards of `survival`: ln H = ln(0.02) + x beta + ln t."""
    predictor = Linear(-float(np.log(0.02)), tuple(-b for b in EFFECTS))
    return Member(1.0, predictor, Accelerated("weibull", scale, 24.0))


@pytest.mark.parametrize("seed", [4, 5])
def test_a_log_time_that_is_right_asks_for_nothing(seed):
    """H is the parent's: a near 0 and b near 1 in the power form, within three standard errors."""
    found = fit_rung(pose(model_of(log_time(), kind="survival"), survival(1500, seed)), "intercept_and_slope")
    error = np.sqrt(np.diag(found.covariance))
    assert abs(found.intercept) < 3 * error[0]
    assert abs(found.slope - 1) < 3 * error[1]


@given(st.floats(-2, 2), st.floats(0.3, 3))
@settings(max_examples=15)
def test_a_distorted_parent_gives_the_same_child(shift, stretch):
    """Whatever line a hospital puts on its parent's log-odds, the recalibrated model is one and the same."""
    cases = binary(250, 6)
    distorted = logistic(shift - stretch, tuple(stretch * b for b in EFFECTS))
    plain, other = (fit_rung(pose(model_of(m), cases), "intercept_and_slope") for m in (logistic(), distorted))
    assert other.slope * stretch == pytest.approx(plain.slope, rel=1e-5)
    assert other.intercept + other.slope * (shift - stretch) == pytest.approx(
        plain.intercept - plain.slope, rel=1e-4, abs=1e-5
    )
    assert other.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)


@pytest.mark.parametrize(
    ("model", "cases"),
    [
        (model_of(logistic()), binary(300, 7, effects=(0.9, 0.7, 0.4))),
        (model_of(cox(), kind="survival"), survival(300, 7, effects=(0.9, 0.7, 0.4))),
        (model_of(competing(), kind="incidence"), survival(300, 7, effects=(0.9, 0.7, 0.4), causes=True)),
        (model_of(log_time(), kind="survival"), survival(300, 7, effects=(0.9, 0.7, 0.4))),
    ],
)
def test_each_rung_fits_better_than_the_one_below_it(model, cases):
    problem = pose(model, cases)
    values = [
        fit_rung(problem, rung).log_likelihood for rung in ("none", "intercept", "intercept_and_slope", "revision")
    ]
    best, size = unrestricted(problem)
    assert np.all(np.diff([*values, best + 1e-3]) > 0)
    # A power of H is no linear predictor, so its link is a column of its own.
    assert size == (5 if problem.form == "power" else 4)


def test_a_revision_finds_the_coefficient_that_changed():
    cases = binary(4000, 8, effects=(0.9, 0.7, 0.4))
    found = fit_rung(pose(model_of(logistic()), cases), "revision")
    moved = np.array(EFFECTS) * found.slope + found.delta
    assert moved == pytest.approx([0.9, 0.7, 0.4], abs=0.15)
    names = [item["name"] for item in found.estimates(NAMES)]
    assert names == ["intercept", "slope", *NAMES]
    assert all(item["standard_error"] > 0 for item in found.estimates(NAMES))
    assert 3 < found.free <= 5


def test_the_unrestricted_likelihood_is_that_of_a_logistic_regression():
    cases = binary(500, 9)
    oracle = LogisticRegression(C=np.inf, tol=1e-10).fit(cases.features, cases.target.event)
    risk = oracle.predict_proba(cases.features)[:, 1]
    by_hand = np.sum(np.log(np.where(cases.target.event, risk, 1 - risk)))
    assert unrestricted(pose(model_of(logistic()), cases))[0] == pytest.approx(by_hand, abs=0.02)


def test_a_reversed_parent_gets_slope_0_and_not_a_negative_one():
    found = fit_rung(pose(model_of(logistic()), binary(300, 10, effects=[-b for b in EFFECTS])), "intercept_and_slope")
    assert found.slope == 0


def test_separation_has_no_slope_but_a_level():
    cases = binary(100, 11)
    split = replace(cases, target=replace(cases.target, event=cases.features @ np.array(EFFECTS) > 0.5))
    problem = pose(model_of(logistic()), split)
    with pytest.raises(NotEstimableError, match="no maximum"):
        fit_rung(problem, "intercept_and_slope")
    assert np.isfinite(fit_rung(problem, "intercept").intercept)


def test_draws_of_a_level_scatter_as_its_standard_error_says():
    problem = pose(model_of(cox(), kind="survival"), survival(400, 12))
    found = fit_rung(problem, "intercept")
    drawn = [found.drawn(problem, np.random.default_rng(k)).intercept for k in range(400)]
    assert np.mean(drawn) == pytest.approx(found.intercept, abs=0.03)
    assert np.std(drawn) == pytest.approx(np.sqrt(found.covariance[0, 0]), rel=0.15)
