"""The scale an update is estimated on: links, exposures and features of the new patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from riskml.runtime.members import Member, Tree, Trees
from riskml.runtime.time_responses import Curve
from riskml.training.transfer.problem import Cases, has_baselines, pose
from tests.training.transfer.ladder_cases import EFFECTS, binary, competing, cox, logistic, model_of, survival


def test_missing_inputs_count_as_the_weighted_mean_of_the_background():
    model = model_of(logistic()).with_(weights=(0.25, 0.75), background=((0.0, 1.0, 2.0), (4.0, 1.0, 6.0)))
    target = binary(3, 0).target
    cohort = type("Cohort", (), {"frame": pd.DataFrame({"x0": [1.0, np.nan, 2.0], "x1": [5.0, 6.0, 7.0]})})()
    cases = Cases.of(model, cohort, target, 0.0)
    assert cases.features.tolist() == [[1.0, 5.0, 5.0], [3.0, 6.0, 5.0], [2.0, 7.0, 5.0]]


def test_a_binary_link_is_the_log_odds_that_ships():
    model, cases = model_of(logistic()), binary(50, 1)
    problem = pose(model, cases)
    assert problem.form == "logistic"
    assert problem.link == pytest.approx(logit(cases.scores(model, ())[:, 0]))
    assert not problem.offset.any()


@pytest.mark.parametrize("late", [False, True])
def test_link_and_exposure_of_a_hazard_are_its_own(late):
    """H(t | x) = 0.02 t e^x: the link is x, the offset the log of the baseline met since the row came under risk."""
    cases = survival(80, 2, late=late)
    problem = pose(model_of(cox(), kind="survival"), cases)
    start = 0.0 if cases.target.entry is None else cases.target.entry
    assert problem.form == "hazard"
    assert problem.link == pytest.approx(cases.features @ np.array(EFFECTS), abs=1e-6)
    assert problem.offset == pytest.approx(np.log(0.02 * (cases.target.time - start)), abs=1e-6)
    assert problem.take(np.array([3, 5])).link.tolist() == problem.link[[3, 5]].tolist()


def test_a_competing_event_is_none_of_the_first_cause():
    cases = survival(120, 3, causes=True)
    problem = pose(model_of(competing(), kind="incidence"), cases)
    assert problem.event.sum() == (cases.target.cause == 1).sum() < (cases.target.cause > 0).sum()
    assert problem.link == pytest.approx(cases.features @ np.array(EFFECTS), abs=1e-6)


def test_curves_have_the_power_form():
    curves = Tree((0,), (0.0,), (-1,), (-2,), (0.9, 0.8, 0.7, 0.7, 0.6, 0.5))
    model = model_of(Member(1.0, Trees((0.0, 0.0, 0.0), 1.0, (curves,)), Curve((6.0, 12.0, 24.0))), kind="survival")
    assert not has_baselines(model)
    problem = pose(model, survival(60, 4, late=True))
    assert problem.form == "power"
    assert (problem.start < problem.link).all()


@pytest.mark.parametrize(
    ("model", "cases"),
    [
        (model_of(logistic()), binary(60, 5)),
        (model_of(cox(), kind="survival"), survival(60, 5)),
    ],
)
def test_gradient_and_information_are_those_of_the_value(model, cases):
    problem = pose(model, cases)
    scores, theta, step = cases.features, np.array([0.2, 0.8, 0.1, -0.2, 0.3]), 1e-5
    objective = problem.likelihood(scores)
    _, gradient, information = objective(theta)
    ends = [[objective(theta + sign * step * axis) for sign in (1, -1)] for axis in np.eye(5)]
    assert gradient == pytest.approx([(up[0] - down[0]) / (2 * step) for up, down in ends], rel=1e-4, abs=1e-5)
    by_steps = np.array([(down[1] - up[1]) / (2 * step) for up, down in ends])
    assert information == pytest.approx(by_steps, rel=1e-4, abs=1e-4)
