"""Where a prediction stands on the log-odds or log-hazard scale, for linear members, trees and their averages."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import logit

from riskml.runtime.members import Causes, Linear, Member, Tree, Trees
from riskml.runtime.model import Feature, PortableModel
from riskml.runtime.responses import LOGISTIC, PROBABILITY
from riskml.runtime.score import score_table, value
from riskml.runtime.time_responses import Accelerated, Baseline, Curve, Incidence
from riskml.training.links import link_of, reference_hazard

COX = Baseline((0.0, 6.0, 12.0), (0.0, 0.1, 0.3))
FOREST = Trees((0.0,), 1.0, (Tree((0,), (0.0,), (-1,), (-2,), (0.2, 0.7)),))
CURVES = Trees((0.0, 0.0), 1.0, (Tree((0,), (0.0,), (-1,), (-2,), (0.9, 0.8, 0.6, 0.3)),))


def model(*members, kind="survival"):
    features = (Feature("x", "value", ("age",)),)
    return PortableModel(kind, ("age",), features, members, (0.5, 0.5), ((-1.0,), (2.0,)), (), 0.9, {})


def scores_of(made, times=()):
    return score_table(made, {"age": np.array([-2.0, 0.5, 3.0])}, 3, times)[:, 0]


def test_a_linear_model_gets_its_linear_predictor_back():
    linear = Linear(-1.0, (0.7,))
    for made, times in (
        (model(Member(1.0, linear, LOGISTIC), kind="binary"), ()),
        (model(Member(1.0, linear, COX)), (9.0,)),
    ):
        link = link_of(made, scores_of(made, times), times[0] if times else math.nan)
        assert link == pytest.approx(-1 + 0.7 * np.array([-2.0, 0.5, 3.0]), abs=1e-9)


def test_an_average_of_probabilities_is_judged_on_its_own_log_odds():
    made = model(Member(0.5, Linear(-1.0, (0.7,)), LOGISTIC), Member(0.5, FOREST, PROBABILITY), kind="binary")
    scores = scores_of(made)
    assert link_of(made, scores, math.nan) == pytest.approx(logit(scores))


def test_trees_are_set_against_the_patient_of_whom_nothing_is_known():
    made = model(Member(0.5, Linear(0.0, (0.7,)), COX), Member(0.5, CURVES, Curve((6.0, 12.0))))
    scores = scores_of(made, (12.0,))
    unknown = value(made, {}, (12.0,))[0]
    assert reference_hazard(made, (12.0,)) == pytest.approx([-math.log(unknown)])
    assert link_of(made, scores, 12.0) == pytest.approx(np.log(np.log(scores) / math.log(unknown)))


def test_the_reference_of_proportional_hazards_is_the_baseline_at_every_time():
    made = model(
        Member(0.25, Linear(5.0, (0.7,)), COX), Member(0.75, Linear(0.0, (0.1,)), Baseline((0.0, 12.0), (0.0, 0.6)))
    )
    assert reference_hazard(made, (0.0, 3.0, 12.0)) == pytest.approx(
        [0.0, 0.25 * 0.05 + 0.75 * 0.15, 0.25 * 0.3 + 0.75 * 0.6]
    )


def test_a_log_time_is_not_taken_for_a_log_hazard():
    """Later events are smaller hazards: the link falls where the linear predictor of an AFT model rises."""
    made = model(Member(1.0, Linear(4.0, (0.7,)), Accelerated("weibull", 0.5, 24.0)))
    assert not made.is_linear
    link = link_of(made, scores_of(made, (12.0,)), 12.0)
    assert np.diff(link) == pytest.approx([-0.7 * 2.5 / 0.5] * 2, abs=1e-6)


def test_certain_answers_and_an_empty_baseline_stay_finite():
    sure = model(Member(1.0, Linear(0.0, (1000.0,)), LOGISTIC), kind="binary")
    assert np.isfinite(link_of(sure, scores_of(sure), math.nan)).all()
    empty = model(Member(1.0, Linear(0.0, (1.0,)), Baseline((0.0, 6.0, 12.0), (0.0, 0.0, 0.3))))
    np.testing.assert_array_equal(link_of(empty, scores_of(empty, (3.0,)), 3.0), 0)
    trees = Trees((0.0,), 1.0, (Tree((), (), (), (), (1.0,)),))
    nobody = model(Member(1.0, trees, Curve((12.0,))))
    assert np.isfinite(link_of(nobody, scores_of(nobody, (6.0,)), 6.0)).all()


def test_an_incidence_rises_with_its_link():
    causes = Causes((Linear(0.0, (0.7,)), Linear(0.0, (0.0,))))
    made = model(Member(1.0, causes, Incidence((COX, COX))), kind="incidence")
    scores = scores_of(made, (12.0,))
    link = link_of(made, scores, 12.0)
    assert (np.diff(scores) > 0).all()
    assert (np.diff(link) > 0).all()
