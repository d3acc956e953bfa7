"""The survival forest against scikit-survival's, and its binned times against Kaplan-Meier curves by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sksurv.ensemble import RandomSurvivalForest

from riskml.training.learners.survival_forest import SurvivalForest, _binned
from riskml.training.learners.tree_base import SurvivalRows
from riskml.training.learners.tree_export import singles
from riskml.training.metrics.survival import kaplan_meier
from tests.training.learners.tree_cases import GRID, in_memory, survival


def library(X, y, seed=0, trees=20):
    """scikit-survival's forest and its S at the grid."""
    forest = RandomSurvivalForest(trees, min_samples_leaf=15, random_state=seed).fit(singles(X), y)

    def at_grid(rows):
        column = forest.unique_times_.searchsorted(GRID, side="right") - 1
        table = forest.predict_survival_function(singles(rows), return_array=True)[:, np.maximum(column, 0)]
        return np.where(column < 0, 1.0, table)

    return forest, at_grid


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("ties", [False, True])
def test_with_few_event_times_it_is_scikit_survivals_forest(seed, ties):
    """At most 100 distinct event times: no event is moved, and censoring between two events says nothing."""
    X, y = survival(seed, n=105, ties=ties)
    assert np.unique(y["time"][y["event"]]).size <= 100
    model = SurvivalForest(time_grid=GRID, n_estimators=20, random_state=seed).fit(X, y)
    _, at_grid = library(X, y, seed)
    np.testing.assert_allclose(model.predict_survival(X, GRID), at_grid(X), atol=1e-6)


def test_with_many_event_times_binning_changes_little_and_saves_the_memory():
    X, y = survival(9, n=600)
    new = survival(10, n=400)[0]
    assert np.unique(y["time"][y["event"]]).size > 300
    model = SurvivalForest(time_grid=GRID, n_estimators=20).fit(X, y)
    forest, at_grid = library(X, y)
    difference = model.predict_survival(new, GRID) - at_grid(new)
    assert np.abs(difference).mean() < 0.02
    assert np.corrcoef(model.predict(new), forest.predict(singles(new)))[0, 1] > 0.9
    arrays = sum(tree.tree_.value.nbytes for tree in forest.estimators_)
    assert in_memory(model.predictor_) < arrays / 10


@pytest.mark.parametrize("max_times", [3, 1000])
def test_one_leaf_is_the_kaplan_meier_curve_of_the_bootstrap_sample(max_times):
    """Leaves as large as the cohort. With nobody censored any binning leaves S at the months exact."""
    X, y = survival(1, n=50)
    if max_times == 3:
        y["event"] = True
    model = SurvivalForest(time_grid=GRID, n_estimators=1, min_samples_leaf=50, max_times=max_times).fit(X, y)
    seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=1)[0]
    drawn = np.random.RandomState(seed).randint(0, 50, 50)
    curve = kaplan_meier(y["time"][drawn], y["event"][drawn])
    expected = [float(curve.at(month)) for month in GRID]
    np.testing.assert_allclose(model.predict_survival(X[:1], GRID)[0], expected, atol=1e-7)
    assert 0.05 < expected[-1] < expected[0] < 1


def test_bins_by_hand():
    """Ends: quantiles 1/2 and 1 of the events (4 and 9) and the months 3 and 6; 12 is beyond the last event."""
    time = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 9.0, 0.5, 3.5, 9.5])
    event = np.arange(11) < 8
    rows = SurvivalRows(np.zeros((11, 1), np.float32), time, event, np.ones(11))
    binned = _binned(rows, np.array([3.0, 6.0, 12.0]), max_times=5)
    np.testing.assert_array_equal(binned, [3, 3, 3, 4, 6, 6, 9, 9, 0, 3, 9])


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.booleans())
def test_binning_keeps_every_event_on_its_side_of_every_month(seed, max_times, ties):
    X, y = survival(seed, n=60, ties=ties)
    if not y["event"].any():
        return
    rows = SurvivalRows(singles(X), y["time"], y["event"], np.ones(60))
    binned = _binned(rows, np.array(GRID), max_times)
    events = y["event"]
    assert (binned[events] >= y["time"][events]).all()
    assert (binned[~events] <= y["time"][~events]).all()
    exact = np.unique(y["time"][events]).size <= max_times
    assert exact or np.unique(binned[events]).size <= max(max_times, len(GRID) + 1)
    for month in GRID:
        np.testing.assert_array_equal(binned[events] <= month, y["time"][events] <= month)


def test_months_without_events_before_or_after_follow_up():
    """Before the first event everybody is event-free; after the last time the curve stays."""
    X, y = survival(2)
    early, last = y["time"].min() / 2, y["time"].max()
    model = SurvivalForest(time_grid=[early, last, 10 * last], n_estimators=5).fit(X, y)
    table = model.predict_survival(X, [early, last, 10 * last])
    np.testing.assert_array_equal(table[:, 0], 1.0)
    np.testing.assert_allclose(table[:, 1], table[:, 2], atol=1e-12)


def test_weights_draw_the_bootstrap_samples():
    """A patient with nearly all the weight is nearly every bootstrap sample: the forest knows that patient's fate."""
    X, y = survival(3)
    patient = int(np.flatnonzero(y["event"] & (y["time"] < 12) & (y["time"] > 6))[0])
    weight = np.full(len(X), 1e-6)
    weight[patient] = 1
    model = SurvivalForest(time_grid=GRID, n_estimators=10).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.predict_survival(X, [6.0, 12.0]), [[1.0, 0.0]] * len(X), atol=0.01)


def test_log_risk_of_certain_survival_is_finite():
    X, y = survival(4)
    y["time"][~y["event"]] = 100.0
    y["time"][y["event"]] = 90.0
    model = SurvivalForest(time_grid=GRID, n_estimators=3).fit(X, y)
    np.testing.assert_array_equal(model.predict_survival(X, GRID), 1.0)
    np.testing.assert_allclose(model.predict(X), np.log(1e-9), rtol=1e-6)


def test_the_seed_decides():
    X, y = survival(5)
    one, again, other = (
        SurvivalForest(time_grid=GRID, n_estimators=5, random_state=s).fit(X, y).to_portable() for s in (1, 1, 2)
    )
    assert one == again != other


@pytest.mark.parametrize("setting", [{"n_estimators": 0}, {"max_times": 0}])
def test_settings_out_of_range_are_refused(setting):
    X, y = survival(6)
    with pytest.raises(ValueError, match="must be at least 1"):
        SurvivalForest(time_grid=GRID, **setting).fit(X, y)


def test_a_hundred_trees_take_little_room():
    X, y = survival(7, n=659)
    months = [1, 2, 3, 6, 9, 12, 18, 24, 30, 36]
    member = SurvivalForest(time_grid=months).fit(X, y).to_portable()
    assert len(member.predictor.trees) == 100
    assert len(json.dumps(member.to_dict())) < 300_000
