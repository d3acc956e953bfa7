"""A rung put into members does to the answer what it says, and a child's interval holds the error of the update."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit

from riskml.runtime.members import Member, Tree, Trees
from riskml.runtime.model import model_from_dict
from riskml.runtime.questions import at_months, interval
from riskml.runtime.responses import LOGISTIC, PROBABILITY, Calibrated
from riskml.runtime.score import value
from riskml.runtime.time_responses import Curve
from riskml.training.transfer.problem import pose
from riskml.training.transfer.revision import can_deviate, revised, updated, updated_draws
from riskml.training.transfer.rungs import Update, fit_rung
from tests.training.transfer.ladder_cases import (
    EFFECTS,
    FLAT,
    NAMES,
    binary,
    competing,
    cox,
    logistic,
    model_of,
    survival,
)

LINE = Update("intercept_and_slope", np.array([0.4, 0.6]), np.zeros((2, 2)), 0.0, 2)
X = np.array([0.5, -1.0, 2.0])
KNOWN = dict(zip(NAMES, X.tolist(), strict=True))
STUMP = Tree((0,), (0.0,), (-1,), (-2,), (-0.5, 0.7))


def test_a_log_odds_moves_along_the_line():
    before, after = (value(m, KNOWN)[0] for m in (model_of(logistic()), updated(model_of(logistic()), LINE)))
    assert logit(after) == pytest.approx(0.4 + 0.6 * logit(before))


@pytest.mark.parametrize("predictor", [cox().predictor, Trees((0.1,), 1.0, (STUMP,))])
def test_a_hazard_with_a_baseline_keeps_its_shape(predictor):
    """log of H(t | x) / H0(t) times b, and the whole times e^a, at every month."""
    member = Member(1.0, predictor, FLAT)
    link = member.predictor.at(X.tolist())
    model = updated(model_of(member, kind="survival"), LINE)
    for month in (3.0, 12.0, 20.0):
        hazard = -np.log(value(model, KNOWN, (month,))[0])
        assert hazard == pytest.approx(0.02 * month * np.exp(0.4 + 0.6 * link))


def test_of_several_causes_the_others_stay():
    parent = competing()
    child = revised(parent, LINE, baselines=True)
    assert child.predictor.linears[1] == parent.predictor.linears[1]
    assert child.response.baselines[1] == parent.response.baselines[1]
    assert child.predictor.linears[0].coefficients == pytest.approx([0.6 * b for b in EFFECTS])
    assert child.response.baselines[0].at(12.0) == pytest.approx(np.exp(0.4) * FLAT.at(12.0))


def test_a_forest_of_probabilities_is_recalibrated():
    share = Tree((0,), (0.0,), (-1,), (-2,), (0.2, 0.5))
    model = model_of(Member(1.0, Trees((0.0,), 1.0, (share,)), PROBABILITY))
    assert not can_deviate(model)
    child = updated(model, LINE)
    assert isinstance(child.members[0].response, Calibrated)
    assert value(child, KNOWN)[0] == pytest.approx(expit(0.4 + 0.6 * logit(0.5)))


def test_beside_a_forest_of_curves_every_member_takes_the_power_of_its_hazard():
    curves = Tree((0,), (0.0,), (-1,), (-2,), (0.9, 0.8, 0.7, 0.7, 0.6, 0.5))
    forest = Member(0.5, Trees((0.0, 0.0, 0.0), 1.0, (curves,)), Curve((6.0, 12.0, 24.0)))
    model = model_of(cox(weight=0.5), forest, kind="survival")
    child = updated(model, LINE)
    for before, after in zip(model.members, child.members, strict=True):
        old, new = (value(model.with_(members=(m.with_(weight=1.0),)), KNOWN, (12.0,))[0] for m in (before, after))
        assert np.log(-np.log(new)) == pytest.approx(0.4 + 0.6 * np.log(-np.log(old)))
    assert can_deviate(model)


def test_a_revision_moves_coefficients_about_the_centre_of_the_new_patients():
    cases, model = binary(600, 1, effects=(0.9, 0.7, 0.4)), model_of(logistic())
    update = fit_rung(pose(model, cases), "revision")
    child = updated(model, update)
    by_hand = (
        update.intercept
        + update.slope * logit(cases.scores(model, ())[:, 0])
        + (cases.features - cases.features.mean(axis=0)) @ update.delta
    )
    assert logit(cases.scores(child, ())[:, 0]) == pytest.approx(by_hand)


def test_trees_beside_a_revised_member_take_the_line_alone():
    trees = Member(0.5, Trees((0.1,), 1.0, (STUMP,)), LOGISTIC)
    update = fit_rung(pose(model_of(logistic()), binary(600, 1, effects=(0.9, 0.7, 0.4))), "revision")
    found = revised(trees, update, baselines=False)
    assert found.predictor == trees.predictor
    assert (found.response.intercept, found.response.slope) == (update.intercept, update.slope)


@pytest.mark.parametrize("rung", ["intercept", "intercept_and_slope", "revision"])
def test_draws_belong_to_seed_and_place_and_survive_json(rung):
    cases = survival(300, 2, level=0.7)
    model = model_of(cox(), kind="survival", draws=((cox(),), (cox((1.0, -0.5, 0.2)),)))
    update = fit_rung(pose(model, cases), rung)
    first, again, other = (updated_draws(model, cases, update, seed=seed) for seed in (3, 3, 4))
    assert first == again
    assert first != other
    child = updated(model, update).with_(bootstrap=first)
    assert model_from_dict(child.to_dict()) == child


def test_the_childs_interval_covers_when_its_level_came_from_fifteen_events():
    """Parents whose refits know the old level to 0.05; the new one is off by -1 and learned from about 15 events."""
    covered, narrow = [], []
    for seed in range(80):
        rng = np.random.default_rng([seed, 7])
        draws = tuple((logistic(-1 + 0.05 * rng.standard_normal()),) for _ in range(50))
        parent, cases = model_of(logistic(), draws=draws), binary(90, seed, level=-2.0)
        update = fit_rung(pose(parent, cases), "intercept")
        child = updated(parent, update).with_(bootstrap=updated_draws(parent, cases, update, seed=seed))
        copied = child.with_(bootstrap=tuple((revised(d[0], update, baselines=False),) for d in draws))
        truth = expit(-2.0 + X @ np.array(EFFECTS))
        for model, found in ((child, covered), (copied, narrow)):
            low, high = interval(at_months(model), KNOWN, value(model, KNOWN))
            found.append(low[0] <= truth <= high[0])
    assert 0.85 <= np.mean(covered) <= 0.97
    assert np.mean(narrow) < 0.5, "one line for all draws leaves the update's own error out"
