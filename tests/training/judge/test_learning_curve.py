"""A learning curve finds the law it was made by, says nothing where there is none to find, and drops no fold."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskml.cohort.cohort import read_cohort
from riskml.errors import NotEstimableError
from riskml.resources import folder
from riskml.training.evaluate import bench_of
from riskml.training.judge import attempts
from riskml.training.judge import learning_curve as module
from riskml.training.judge.learning_curve import beyond, learning_curve, power_law
from riskml.training.measures import comparator
from riskml.training.out_of_sample import estimates, out_of_fold, score_split
from riskml.training.recipe import load_recipe
from riskml.training.resample import cross_validation
from riskml.training.tasks import Store

SIZES = np.array([40.0, 55.0, 70.0, 85.0, 100.0])


@pytest.fixture(scope="module")
def benches():
    cohort, found = read_cohort(folder("features") / "synthetic" / "cohort.csv"), {}
    for name, kind in (("non_response", "ridge_logistic"), ("efs", "ridge_cox")):
        recipe = load_recipe(name)
        grid = {key: value for key, value in recipe.learner.items() if key == "grid_months"}
        learner = {**grid, "kind": kind, "prior_scale": 0.5}
        found[name] = bench_of(dataclasses.replace(recipe, learner=learner), cohort)
    return found


@pytest.fixture
def few_draws(monkeypatch):
    monkeypatch.setattr(module, "DRAWS", 20)


# ------------------------------------------------------------------------------------------------------------ the law


@given(st.floats(-1, 1), st.floats(-5, 5), st.floats(0.3, 2))
def test_the_law_is_found_where_it_holds(a, b, exponent):
    fitted_a, fitted_b = power_law(SIZES, a + b * SIZES**-exponent, exponent)
    assert (float(fitted_a), float(fitted_b)) == pytest.approx((a, b), abs=1e-7)


def test_least_squares_as_numpy_has_it_and_many_curves_at_once():
    curves = np.random.default_rng(0).normal(size=(6, 5))
    slope, level = np.polyfit(1 / SIZES, curves.T, 1)
    a, b = power_law(SIZES, curves)
    np.testing.assert_allclose(a, level)
    np.testing.assert_allclose(b, slope)


@pytest.mark.parametrize("sizes", [[50.0, 50.0], [0.0, 10.0], [-5.0, 10.0], [np.nan, 10.0]])
def test_sizes_that_make_no_curve_are_refused(sizes):
    with pytest.raises(ValueError, match="sizes must be positive and differ"):
        power_law(np.array(sizes), np.array([0.3, 0.2]))


def test_more_patients_by_hand():
    """.3 + 5 / n: with 125 patients .34, with 250 .32, with 500 .31; within .01 of .3 from 500 patients, 375 more."""
    mean = 0.3 + 5 / SIZES
    slopes = np.linspace(4, 6, 401)
    found = beyond(SIZES, mean, 0.3 + slopes[:, None] / SIZES, 125, 0.01, "log_loss")
    assert found["b"]["value"] == pytest.approx(5)
    assert (found["b"]["low"], found["b"]["high"]) == pytest.approx((4.05, 5.95))
    assert found["fitted"]["sizes"] == [40, 55, 70, 85, 100, 125, 250, 500]
    assert found["fitted"]["values"][-3:] == pytest.approx([0.34, 0.32, 0.31])
    assert found["fitted"]["low"][-1] == pytest.approx(0.3 + 4.05 / 500)
    assert found["more_patients"] == {"value": 375, "low": 280, "high": None}, "595 are past 4 times 125"
    assert "log-loss of 0.340 with these 125 patients, 0.320 with twice and 0.310 with 4 times" in found["words"]
    assert "about 375 more patients (280 to more than 375) would bring it within 0.010" in found["words"]
    far = beyond(SIZES, mean, 0.3 + slopes[:, None] / SIZES, 125, 0.0095, "log_loss")
    assert far["more_patients"] == {"value": None, "low": 301, "high": None}, "526 and 626 are past 4 times 125"
    assert "more than 375 more patients (301 at least) would be needed" in far["words"]
    there = beyond(SIZES, mean, 0.3 + slopes[:, None] / SIZES, 125, 0.05, "brier")
    assert there["more_patients"] == {"value": 0, "low": 0, "high": 0}
    assert there["words"].endswith("it is within 0.050 of the best this recipe can do already")
    assert "Brier score of 0.340" in there["words"]


@pytest.mark.parametrize("slope", [0.0, -3.0, 1.0])
def test_a_flat_noisy_or_rising_curve_is_not_carried_on(slope):
    rng = np.random.default_rng(1)
    mean = 0.3 + slope / SIZES
    found = beyond(SIZES, mean, mean + rng.normal(0, 0.02, (300, 5)), 125, 0.01, "log_loss")
    assert (found["fitted"], found["more_patients"]) == (None, None)
    assert found["b"]["low"] <= 0
    assert found["words"].startswith("how much more patients would help cannot be told from this")


def test_draws_that_say_nothing_leave_the_curve_open():
    found = beyond(SIZES, np.full(5, 0.3), np.full((10, 5), np.nan), 125, 0.01, "brier")
    assert found["more_patients"] is None
    assert (found["b"]["low"], found["b"]["high"]) == (None, None)


# ---------------------------------------------------------------------------------------------------- the whole thing


@pytest.mark.parametrize(
    ("name", "error", "ranking"), [("non_response", "log_loss", "auc"), ("efs", "brier", "c_index")]
)
def test_the_last_size_is_the_cross_validation_itself(benches, few_draws, name, error, ranking):
    bench = benches[name]
    found = learning_curve(bench, shares=(0.5, 0.75, 1.0), repeats=2)
    rows, recipe = bench.rows, bench.recipe
    folds = cross_validation(rows.patient, rows.event, folds=recipe.folds, repeats=2, seed=bench.seed)
    points, _ = estimates(bench, folds, out_of_fold(bench, folds))
    assert (found["measure"], found["discrimination"]["measure"]) == (error, ranking)
    assert found["mean"][-1] == pytest.approx(points[error])
    assert found["discrimination"]["mean"][-1] == pytest.approx(points[ranking])
    assert found["sizes"][-1] == round(0.8 * rows.n_patients)
    assert found["sizes"] == sorted(found["sizes"])
    assert found["not_estimable"] == [0, 0, 0]
    assert all(low < mean < high for low, mean, high in zip(found["low"], found["mean"], found["high"], strict=True))
    counts = [0 if text.startswith("<") else int(text) for text in found["events"]]
    assert all(number == 0 or number >= 5 for number in counts), "counts of 1 to 4 are not shown"
    pooled = out_of_fold(bench, folds).sample(rows, recipe, 0)
    assert found["near"] == pytest.approx(module.NEAR * comparator(pooled)[error], rel=0.05)
    assert found["plan"]["shares"] == [0.5, 0.75, 1.0]
    assert json.dumps(found, allow_nan=False)


def test_fits_that_fail_are_answered_by_the_comparator_and_counted(benches, few_draws, monkeypatch, tmp_path):
    bench = benches["non_response"]

    def small_ones_fail(recipe, rows, train, test):
        if len(train) < 25:
            raise NotEstimableError("too few patients")
        return score_split(recipe, rows, train, test)

    monkeypatch.setattr(attempts, "score_split", small_ones_fail)
    stored = dataclasses.replace(bench, store=Store(tmp_path))
    found = learning_curve(stored, shares=(0.5, 1.0), repeats=2)
    assert found["not_estimable"] == [10, 0]
    assert found["discrimination"]["mean"][0] == 0.5
    assert found["mean"][0] > found["mean"][1]
    assert learning_curve(stored, shares=(0.5, 1.0), repeats=2) == found


@pytest.mark.parametrize("shares", [(1.0,), (0.0, 1.0), (0.5, 0.5), (0.8, 0.4), (0.5, 1.1), ()])
def test_shares_that_make_no_curve_are_refused(benches, shares):
    with pytest.raises(ValueError, match="two or more rising numbers"):
        learning_curve(benches["efs"], shares=shares)
