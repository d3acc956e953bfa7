"""An average is the average of its parts, in every form it takes; what is left out is said; weights follow the data."""

from __future__ import annotations

import dataclasses
import json
import tomllib

import numpy as np
import pytest
from scipy.special import expit

from riskml.cohort.cohort import read_cohort
from riskml.cohort.simulate import write_simulated
from riskml.runtime.members import Linear, Member
from riskml.runtime.model import model_from_dict
from riskml.runtime.responses import LOGISTIC, Calibrated
from riskml.runtime.score import score_table
from riskml.runtime.score import value as score_one
from riskml.training.ensemble import Ensemble, build_ensemble, gate, parts_of, predict_rows
from riskml.training.fit import fit_pipeline, portable, training_set
from riskml.training.learners.forest import RandomForest
from riskml.training.learners.ridge_cox import RidgeCox
from riskml.training.learners.ridge_logistic import RidgeLogistic
from riskml.training.learners.survival_forest import SurvivalForest
from riskml.training.learners.table import Context
from riskml.training.recipe import load_recipe

GRID = (3.0, 6.0, 12.0)
AVERAGE = """
kind = "average"
[[member]]
kind = "ridge_logistic"
weight = 3
[[member]]
kind = "forest"
trees = 7
least_events = 5
"""
SURVIVAL = """
kind = "{kind}"
grid_months = [1, 2, 3, 6, 9, 12, 18, 24]
[[member]]
kind = "ridge_cox"
[[member]]
kind = "survival_forest"
trees = 5
least_events = 0
calibrate = {calibrate}
"""


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return read_cohort(write_simulated(tmp_path_factory.mktemp("new") / "cohort.csv", 300, seed=4))


def with_learner(name, text):
    return dataclasses.replace(load_recipe(name), learner=tomllib.loads(text), bootstrap=2, repeats=1)


def binary(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    return X, (rng.random(n) < expit(1.5 * X[:, 0] - 1)).astype(int)


def survival(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    y = np.empty(n, dtype=[("event", bool), ("time", float)])
    y["time"] = rng.exponential(10 * np.exp(-X[:, 0])).clip(0.1, 20)
    y["event"] = y["time"] < 20
    return X, y


# ----------------------------------------------------------------------------------------- an average is an average


def test_the_saved_model_of_an_average_is_the_mean_of_the_fitted_parts(cohort):
    """Through JSON, for complete patients: 3/4 of the ridge and 1/4 of the forest, each by its own predict_proba."""
    recipe = with_learner("non_response", AVERAGE)
    rows = training_set(recipe, cohort)
    pipeline = fit_pipeline(recipe, rows)
    made = portable(recipe, rows, pipeline[-1].members())
    model = model_from_dict(json.loads(json.dumps(made.to_dict())))
    assert [m.weight for m in model.members] == [0.75, 0.25]
    whole = rows.frame[rows.frame.notna().all(axis=1)]
    X = pipeline[:-1].transform(whole)
    ridge, forest = (estimator.predict_proba(X)[:, 1] for estimator in pipeline[-1].estimators_)
    assert np.abs(ridge - forest).max() > 0.02, "two parts that say different things"
    found = score_table(model, {n: whole[n].to_numpy() for n in model.inputs}, len(whole))[:, 0]
    assert found == pytest.approx(0.75 * ridge + 0.25 * forest, abs=1e-12)
    first = dict(whole.iloc[0])
    assert score_one(model, first) == pytest.approx([0.75 * ridge[0] + 0.25 * forest[0]], abs=1e-12)


def test_survival_is_averaged_as_survival_at_and_between_the_months(cohort):
    recipe = with_learner("efs", SURVIVAL.format(kind="average", calibrate="false"))
    rows = training_set(recipe, cohort)
    pipeline = fit_pipeline(recipe, rows)
    model = model_from_dict(json.loads(json.dumps(portable(recipe, rows, pipeline[-1].members()).to_dict())))
    whole, times = rows.frame[rows.frame.notna().all(axis=1)], (0.5, 6.0, 10.0)
    X = pipeline[:-1].transform(whole)
    cox, forest = (estimator.predict_survival(X, times) for estimator in pipeline[-1].estimators_)
    found = score_table(model, {n: whole[n].to_numpy() for n in model.inputs}, len(whole), times)
    assert found == pytest.approx((cox + forest) / 2, abs=1e-9)


def test_one_learner_alone_is_an_average_of_one():
    X, y = binary(80, 0)
    alone = Ensemble([RidgeLogistic()], [5.0], [False]).fit(X, y)
    (member,) = alone.members()
    assert member == RidgeLogistic().fit(X, y).to_portable()


def test_draws_come_from_a_posterior_where_there_is_one():
    X, y = binary(80, 0)
    fitted = Ensemble([RidgeLogistic(), RandomForest(n_estimators=3)], [1.0, 1.0], [False, False]).fit(X, y)
    normal = np.random.default_rng(0).standard_normal(10)
    ridge, forest = fitted.draw(X.mean(axis=0), normal)
    assert ridge.predictor == fitted.estimators_[0].draw(X.mean(axis=0), normal).predictor
    assert ridge.predictor != fitted.members()[0].predictor
    assert forest == fitted.members()[1]


def test_parts_say_what_they_are_in_plain_values():
    X, y = binary(120, 0)
    fitted = Ensemble([RidgeLogistic(), RandomForest(n_estimators=3)], [1, 3], [True, False]).fit(X, y)
    ridge, forest = fitted.shares(["ridge_logistic", "forest"])
    assert (ridge["weight"], forest) == (0.25, {"kind": "forest", "weight": 0.75, "line": None})
    assert ridge["line"] == pytest.approx(fitted.lines_[0], rel=1e-5)


# -------------------------------------------------------------------------------------------------------- the gate


def shown(learner, n_events):
    kept, out = gate(tomllib.loads(learner), n_events)
    return [part.kind for part in kept], out


def test_events_decide_who_takes_part():
    default = AVERAGE.replace("least_events = 5", "")
    assert shown(default, 25) == (["ridge_logistic", "forest"], ())
    kept, (words,) = shown(default, 24)
    assert kept == ["ridge_logistic"]
    assert words == "forest was left out: 24 events, it takes part from 25"
    assert shown(AVERAGE, 5)[0] == ["ridge_logistic", "forest"]
    assert shown(AVERAGE, 4)[0] == ["ridge_logistic"]


def test_a_learner_that_stands_alone_is_never_left_out():
    assert shown('kind = "forest"', 1) == (["forest"], ())
    assert shown('kind = "average"\n[[member]]\nkind = "forest"', 1) == (["forest"], ())


def test_where_all_would_be_left_out_the_first_stays():
    both = 'kind = "stack"\n[[member]]\nkind = "boosting"\n[[member]]\nkind = "forest"'
    kept, out = shown(both, 3)
    assert kept == ["boosting"]
    assert len(out) == 1
    assert "forest" in out[0]


def test_what_is_left_out_leaves_its_share_to_the_others(cohort):
    recipe = with_learner("non_response", AVERAGE.replace("least_events = 5", "least_events = 9999"))
    rows = training_set(recipe, cohort)
    (member,) = fit_pipeline(recipe, rows)[-1].members()
    assert member.weight == 1.0
    assert rows.parts_left_out == (f"forest was left out: {rows.n_events} events, it takes part from 9999",)


def test_a_part_takes_the_settings_of_its_own_table():
    recipe = with_learner("non_response", AVERAGE)
    ridge, forest = build_ensemble(parts_of(recipe.learner), Context(recipe, (), 3)).estimators
    assert isinstance(ridge, RidgeLogistic)
    assert (forest.n_estimators, forest.random_state) == (7, 3)
    light = build_ensemble(parts_of(recipe.learner), Context(recipe, (), 3), light=True).estimators[1]
    assert light.n_estimators != 7


# ------------------------------------------------------------------------------------- stacking and recalibration


class Fixed:
    """An estimator that says what it was made to say; stands in for a learner whose quality is known."""

    def __init__(self, coefficient=0.0, intercept=0.0):
        self.coefficient, self.intercept = coefficient, intercept

    def get_params(self, deep=True):
        return {"coefficient": self.coefficient, "intercept": self.intercept}

    def fit(self, X, y):
        return self

    def to_portable(self):
        return Member(1.0, Linear(self.intercept, (self.coefficient, 0.0, 0.0)), LOGISTIC)


def test_a_stack_trusts_the_part_that_is_right():
    X, y = binary(1500, 1)
    good, noise = Fixed(1.5, -1.0), Fixed(-1.5, -1.0)
    fitted = Ensemble([good, noise], [1.0, 1.0], [False, False], stack=True).fit(X, y)
    assert fitted.weights_[0] > 0.9
    assert fitted.weights_.sum() == 1.0


def test_the_weights_of_a_stack_are_those_of_the_mixture_by_a_grid():
    """Two parts, so one number: maximise sum log(w p1 + (1 - w) p2) + log(w)/2 + log(1 - w)/2 by looking everywhere."""
    X, y = binary(60, 2)
    fitted = Ensemble([Fixed(1.5, -1.0), Fixed(0.3, 0.2)], [1.0, 1.0], [False, False], stack=True).fit(X, y)
    chance = expit([1.5 * X[:, 0] - 1, 0.3 * X[:, 0] + 0.2])
    happened = np.where(y == 1, chance, 1 - chance)
    w = np.linspace(0, 1, 10_001)[1:-1, None]
    votes = (np.log(w) + np.log(1 - w))[:, 0] / 2
    best = w[np.argmax(np.log(w * happened[0] + (1 - w) * happened[1]).sum(axis=1) + votes), 0]
    assert fitted.weights_[0] == pytest.approx(best, abs=2e-4)


def test_calibration_mends_a_part_that_exaggerates():
    X, y = binary(4000, 3)
    fitted = Ensemble([Fixed(4.5, -3.0)], [1.0], [True]).fit(X, y)
    (member,) = fitted.members()
    assert member.response == LOGISTIC, "a line of a linear member is a linear member"
    assert member.linear.coefficients[0] == pytest.approx(1.5, abs=0.25)
    assert member.linear.intercept == pytest.approx(-1, abs=0.2)


def test_a_recalibrated_forest_is_wrapped_and_says_what_its_line_says():
    X, y = binary(200, 4)
    fitted = Ensemble([RandomForest(n_estimators=5)], [1.0], [True]).fit(X, y)
    (member,) = fitted.members()
    assert isinstance(member.response, Calibrated)
    plain = np.clip(fitted.estimators_[0].predict_proba(X)[:, 1], 1e-9, 1 - 1e-9)
    a, b = fitted.lines_[0]
    assert predict_rows(member, X, ())[:, 0] == pytest.approx(expit(a + b * np.log(plain / (1 - plain))), abs=1e-6)


@pytest.mark.parametrize("stack", [False, True])
def test_survival_parts_are_stacked_and_recalibrated(stack):
    X, y = survival(150, 5)
    parts = [RidgeCox(time_grid=GRID), SurvivalForest(time_grid=GRID, n_estimators=5)]
    fitted = Ensemble(parts, [1.0, 1.0], [True, True], stack=stack, grid=GRID).fit(X, y)
    cox, forest = fitted.members()
    assert cox.baseline is not None
    assert isinstance(forest.response, Calibrated)
    assert cox.weight + forest.weight == pytest.approx(1, abs=1e-15)
    assert (cox.weight == forest.weight) != stack


@pytest.mark.parametrize("made", [binary, survival])
def test_events_of_one_patient_only_leave_weights_and_lines_as_they_are(made):
    """As in a bootstrap sample that draws the same patient again and again: nobody is left to learn from."""
    X, y = made(40, 6)
    event = y["event"] if y.dtype.names else y == 1
    groups = np.where(event, 0, np.arange(1, 41))
    parts = [RidgeLogistic(), RidgeLogistic(prior_scale=0.1)]
    if y.dtype.names:
        parts = [RidgeCox(time_grid=GRID), RidgeCox(time_grid=GRID, prior_scale=0.1)]
    grid = GRID if y.dtype.names else ()
    fitted = Ensemble(parts, [1.0, 3.0], [True, True], stack=True, grid=grid).fit(X, y, groups=groups)
    assert fitted.weights_.tolist() == [0.25, 0.75]
    assert fitted.lines_ == [None, None]


def test_courses_of_one_patient_never_stand_on_both_sides():
    """Every row is there twice: whatever a part was fitted to in the inner folds holds both copies or none."""
    fits = []

    class Watched(Fixed):
        def fit(self, X, y):
            fits.append([row.tobytes() for row in X])
            return self

    X, y = binary(60, 7)
    X, y, groups = np.repeat(X, 2, axis=0), np.repeat(y, 2), np.repeat(np.arange(60), 2)
    Ensemble([Watched()], [1.0], [True]).fit(X, y, groups=groups)
    whole, *inner = fits
    assert len(whole) == 120
    assert len(inner) == 5
    for rows in inner:
        assert len(rows) < 120
        assert all(rows.count(row) == 2 for row in rows)
