"""What all tree learners promise: refusals that name the fault, weights of zero, a baseline that is right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sksurv.nonparametric import nelson_aalen_estimator

from riskml.training.learners.boosting import Boosting, BoostingAFT, BoostingCox
from riskml.training.learners.forest import RandomForest
from riskml.training.learners.survival_boosting import SurvivalBoosting
from riskml.training.learners.survival_forest import SurvivalForest
from riskml.training.learners.tree_base import SurvivalRows, cox_baseline
from tests.training.learners.tree_cases import GRID, TIMES, assert_portable, binary, survival

BINARY = [RandomForest(n_estimators=12), Boosting(n_estimators=12)]
SURVIVAL = [
    SurvivalForest(time_grid=GRID, n_estimators=8),
    BoostingCox(time_grid=GRID, n_estimators=12),
    BoostingAFT(time_grid=GRID, n_estimators=12),
    SurvivalBoosting(time_grid=GRID, n_estimators=12),
]
each_binary = pytest.mark.parametrize("model", BINARY, ids=lambda model: type(model).__name__)
each_survival = pytest.mark.parametrize("model", SURVIVAL, ids=lambda model: type(model).__name__)


@each_binary
@pytest.mark.parametrize("seed", range(5))
def test_binary_learners_are_portable(model, seed):
    X, y = binary(seed)
    assert_portable(clone(model).fit(X, y), X)


@each_survival
@pytest.mark.parametrize("seed", range(5))
def test_survival_learners_are_portable(model, seed):
    X, y = survival(seed, ties=seed % 2 == 1)
    assert_portable(clone(model).fit(X, y), X, TIMES)


def awkward(n=40):
    """Inputs and outcomes on which estimation is known to fail."""
    X, y = survival(7, n)
    one = np.zeros(n, bool)
    one[5] = True
    at_once, zero = y.copy(), y.copy()
    at_once["time"] = 7.0
    zero["time"][:4], zero["event"][:4] = 0.0, True
    lone = y.copy()
    lone["event"] = one
    separated = X.copy()
    separated[:, 0] = y["event"]
    wide = np.hstack([X] * 10)
    huge = X.copy()
    huge[:6, 0] = 1e300, -1e300, 1e300, -1e300, 1e300, -1e300
    return {
        "all inputs constant": (np.ones((n, 3)), y),
        "one event": (X, lone),
        "all at one time": (X, at_once),
        "events at time 0": (X, zero),
        "separation": (separated, y),
        "more inputs than patients": (wide, y),
        "collinear": (np.column_stack([X, X[:, 0] * 2, X[:, 0] + X[:, 1]]), y),
        "beyond single precision": (huge, y),
    }


@pytest.mark.parametrize("case", awkward())
@each_survival
def test_awkward_survival_cohorts_give_survival_curves(model, case):
    X, y = awkward()[case]
    fitted = clone(model).fit(X, y)
    S = fitted.predict_survival(X, TIMES)
    assert ((S >= 0) & (S <= 1)).all()
    assert (np.diff(S) <= 0).all()
    assert np.isfinite(fitted.predict(X)).all()
    assert_portable(fitted, X, TIMES)


@pytest.mark.parametrize("case", awkward())
@each_binary
def test_awkward_binary_cohorts_give_probabilities(model, case):
    X, y = awkward()[case]
    label = y["event"].copy()
    label[0] = not label[1:].all()
    label[1] = False
    assert_portable(clone(model).fit(X, label), X)


@each_binary
def test_one_class_is_refused_by_name(model):
    X, _ = binary(0)
    with pytest.raises(ValueError, match="one class: 'no'"):
        clone(model).fit(X, ["no"] * len(X))


@each_binary
def test_three_classes_are_refused(model):
    X, _ = binary(0)
    with pytest.raises(ValueError, match="Only binary classification is supported"):
        clone(model).fit(X, np.arange(len(X)) % 3)


@pytest.mark.parametrize("model", BINARY + SURVIVAL, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_inputs_that_are_not_finite_are_refused(model, bad):
    X, y = binary(0) if model in BINARY else survival(0)
    fitted = clone(model).fit(X, y)
    X[3, 1] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        clone(model).fit(X, y)
    with pytest.raises(ValueError, match="Input X contains"):
        fitted.predict(X)


@pytest.mark.parametrize("model", BINARY + SURVIVAL, ids=lambda model: type(model).__name__)
def test_a_weight_of_zero_is_the_rows_absence_and_fits_repeat(model):
    X, y = binary(1) if model in BINARY else survival(1)
    weight = np.ones(len(X))
    weight[10:25] = 0
    with_zeros = clone(model).fit(X, y, sample_weight=weight).to_portable()
    assert with_zeros == clone(model).fit(X[weight > 0], y[weight > 0]).to_portable()
    assert with_zeros != clone(model).fit(X, y).to_portable()
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        clone(model).fit(X, y, sample_weight=weight - 0.5)


@each_survival
def test_survival_data_without_an_event_or_with_entry_times_are_refused(model):
    X, y = survival(2)
    with pytest.raises(ValueError, match="needs at least one event"):
        clone(model).fit(X, y, sample_weight=~y["event"])
    late = np.empty(len(y), dtype=[("event", bool), ("time", float), ("entry", float)])
    late["event"], late["time"], late["entry"] = y["event"], y["time"] + 1, 0.5
    with pytest.raises(ValueError, match=r"cannot take entry times .*RidgeCox"):
        clone(model).fit(X, late)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clone(model).fit(X[1:], y)


@each_survival
def test_curves_as_arrays_and_functions(model):
    X, y = survival(3)
    with pytest.raises(NotFittedError):
        clone(model).predict_survival(X, [1.0])
    fitted = clone(model).fit(X, y)
    table = fitted.predict_survival_function(X, return_array=True)
    functions = fitted.predict_survival_function(X)
    np.testing.assert_array_equal(fitted.unique_times_, [0.0, *GRID])
    np.testing.assert_array_equal(table, fitted.predict_survival(X, fitted.unique_times_))
    np.testing.assert_array_equal([f(6.0) for f in functions], table[:, 2])
    np.testing.assert_array_equal(table[:, 0], 1.0)
    for outside in ([-1.0], [24.1]):
        with pytest.raises(ValueError, match=r"months must lie in \[0, 24\]"):
            fitted.predict_survival(X, outside)


@each_survival
def test_larger_risk_means_lower_survival(model):
    """The signal is strong, so Harrell's C of the training rows must be far above one half, not below."""
    X, y = survival(4, n=150)
    fitted = clone(model).fit(X, y)
    assert fitted.score(X, y) > 0.65
    order = np.argsort(fitted.predict(X))
    assert (
        fitted.predict_survival(X[order[-20:]], [12.0]).mean() < fitted.predict_survival(X[order[:20]], [12.0]).mean()
    )


@each_survival
@pytest.mark.parametrize("grid", [[], [0.0, 1.0], [2.0, 1.0], [1.0, np.inf]])
def test_a_grid_that_does_not_rise_from_above_zero_is_refused(model, grid):
    X, y = survival(5)
    with pytest.raises(ValueError, match="time_grid must hold positive, finite, increasing"):
        clone(model).set_params(time_grid=grid).fit(X, y)


@given(st.integers(0, 1000))
def test_the_baseline_without_effects_is_nelson_aalens(seed):
    """No ties: Efron's baseline at equal risks is the Nelson-Aalen estimator."""
    _, y = survival(seed, n=30)
    if not y["event"].any():
        return
    rows = SurvivalRows(np.zeros((30, 1), np.float32), y["time"], y["event"], np.ones(30))
    centre, baseline = cox_baseline(np.full(30, 2.0), rows, np.array(GRID))
    times, hazard = nelson_aalen_estimator(y["event"], y["time"])
    at = np.concatenate([[0.0], hazard])[np.searchsorted(times, [0.0, *GRID], side="right")]
    assert centre == pytest.approx(2.0)
    np.testing.assert_allclose(baseline.cumulative_hazard, at, rtol=1e-12)
    assert baseline.times == (0.0, *GRID)


def test_the_baseline_belongs_to_the_mean_log_risk():
    """Two patients, log risks 1 and 3, the first dies first: H = 1 / (e^-1 + e^1) for log risk 2, then + 1 / e^1."""
    rows = SurvivalRows(np.zeros((2, 1), np.float32), np.array([1.0, 3.0]), np.array([True, True]), np.ones(2))
    centre, baseline = cox_baseline(np.array([1.0, 3.0]), rows, np.array([2.0, 4.0]))
    first = 1 / (np.exp(-1) + np.exp(1))
    assert centre == 2.0
    np.testing.assert_allclose(baseline.cumulative_hazard, [0.0, first, first + np.exp(-1)], rtol=1e-12)


def test_settings_are_only_stored():
    for model in BINARY + SURVIVAL:
        settings = model.get_params()
        assert clone(model).get_params() == settings
        assert vars(model).keys() == settings.keys()
