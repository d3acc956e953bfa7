"""XGBoost learners: its own predictions, directions that hold, and models without inputs that can be solved by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xgboost
from sklearn.utils.estimator_checks import parametrize_with_checks
from sksurv.nonparametric import nelson_aalen_estimator

from riskml.training.learners.boosting import Boosting, BoostingAFT, BoostingCox
from riskml.training.learners.tree_export import singles
from tests.training.learners.tree_cases import GRID, binary, survival

SETTINGS = {"tree_method": "hist", "eta": 0.05, "max_depth": 2, "lambda": 1.0, "nthread": 1}
NO_SPLIT = {"min_child_weight": 1e9, "n_estimators": 3}


@parametrize_with_checks([Boosting(n_estimators=8)])
def test_sklearn_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("seed", range(3))
def test_training_rows_get_xgboosts_probabilities(seed):
    X, y = binary(seed, n=120)
    weight = np.random.default_rng(seed).uniform(0.5, 2, 120)
    model = Boosting().fit(X, y, sample_weight=weight)
    start = {"objective": "binary:logistic", "base_score": np.average(y, weights=weight)}
    matrix = xgboost.DMatrix(singles(X), label=y, weight=weight)
    expected = xgboost.train(SETTINGS | start, matrix, 100).predict(matrix)
    assert np.ptp(expected) > 0.3
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_training_rows_get_xgboosts_log_hazards(seed):
    X, y = survival(seed, n=120)
    model = BoostingCox(time_grid=GRID).fit(X, y)
    matrix = xgboost.DMatrix(singles(X), label=np.where(y["event"], y["time"], -y["time"]))
    train = {"objective": "survival:cox", "base_score": 1.0, "min_child_weight": 3.0}
    margins = xgboost.train(SETTINGS | train, matrix, 100).predict(matrix, output_margin=True)
    assert np.ptp(margins) > 0.5
    np.testing.assert_allclose(model.predict(X), margins - margins.mean(), atol=2e-6)


@pytest.mark.parametrize(
    ("distribution", "theirs"), [("weibull", "extreme"), ("loglogistic", "logistic"), ("lognormal", "normal")]
)
def test_training_rows_get_xgboosts_times(distribution, theirs):
    """Both start from the location without inputs, which the tests below solve by hand."""
    X, y = survival(1, n=120)
    model = BoostingAFT(time_grid=GRID, distribution=distribution, scale=0.8).fit(X, y)
    without = BoostingAFT(time_grid=GRID, distribution=distribution, scale=0.8, **NO_SPLIT).fit(X, y)
    matrix = xgboost.DMatrix(
        singles(X), label_lower_bound=y["time"], label_upper_bound=np.where(y["event"], y["time"], np.inf)
    )
    train = {
        "objective": "survival:aft",
        "base_score": np.exp(without.predictor_.base[0]),
        "aft_loss_distribution": theirs,
        "aft_loss_distribution_scale": 0.8,
    }
    margins = xgboost.train(SETTINGS | train, matrix, 100).predict(matrix, output_margin=True)
    assert np.ptp(margins) > 0.5
    np.testing.assert_allclose(-0.8 * model.predict(X), margins, atol=2e-6)


def test_without_a_split_the_probability_is_the_prevalence():
    X, y = binary(2)
    weight = np.where(y == 1, 2.0, 1.0)
    model = Boosting(**NO_SPLIT).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], np.average(y, weights=weight), atol=1e-6)


def test_without_a_split_cox_is_nelson_aalen():
    X, y = survival(3)
    model = BoostingCox(time_grid=GRID, **NO_SPLIT).fit(X, y)
    times, hazard = nelson_aalen_estimator(y["event"], y["time"])
    expected = np.exp(-hazard[np.searchsorted(times, GRID, side="right") - 1])
    np.testing.assert_allclose(model.predict_survival(X, GRID), [expected] * len(X), atol=1e-6)


def test_without_a_split_a_weibull_of_scale_one_is_the_exponential():
    """Events / total time is the maximum likelihood rate of an exponential with censoring."""
    X, y = survival(4)
    model = BoostingAFT(time_grid=GRID, distribution="weibull", scale=1.0, **NO_SPLIT).fit(X, y)
    rate = y["event"].sum() / y["time"].sum()
    np.testing.assert_allclose(model.predict_survival(X, GRID)[0], np.exp(-rate * np.array(GRID)), atol=1e-4)


def test_without_a_split_an_uncensored_lognormal_has_the_mean_and_deviation_of_log_time():
    X, y = survival(5)
    y["event"] = True
    model = BoostingAFT(time_grid=GRID, distribution="lognormal", **NO_SPLIT).fit(X, y)
    assert model.scale_ == pytest.approx(np.log(y["time"]).std(), rel=1e-3)
    assert model.predictor_.base[0] == pytest.approx(np.log(y["time"]).mean(), abs=1e-3)


def test_without_a_split_the_loglogistic_is_at_its_maximum():
    """The score equations of location and scale vanish: written out here from the density, not taken from the code."""
    X, y = survival(6, n=200)
    model = BoostingAFT(time_grid=GRID, distribution="loglogistic", **NO_SPLIT).fit(X, y)
    z = (np.log(y["time"]) - model.predictor_.base[0]) / model.scale_
    risk = 1 / (1 + np.exp(-z))
    slope = np.where(y["event"], 1 - 2 * risk, -risk)  # d log-likelihood / dz
    assert np.mean(slope) == pytest.approx(0, abs=1e-4)
    assert np.mean(slope * z + y["event"]) == pytest.approx(0, abs=1e-4)


def u_shaped(seed, n=300):
    """Risk lowest in the middle of input 0, rising with input 1, falling with input 2."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    log_risk = X[:, 0] ** 2 - 1 + X[:, 1] - X[:, 2]
    time = 20 * rng.exponential(size=n) * np.exp(-log_risk)
    y = np.empty(n, dtype=[("event", bool), ("time", float)])
    y["event"], y["time"] = time < 40, np.minimum(time, 40)
    return X, y, (rng.random(n) < 1 / (1 + np.exp(-log_risk))).astype(int)


def steps(model, column, seed=0):
    """Changes of the risk as one input rises, the others fixed at twenty patients' values."""
    rows = np.repeat(np.random.default_rng(seed).normal(size=(20, 3)), 60, axis=0)
    rows[:, column] = np.tile(np.linspace(-4, 4, 60), 20)
    risk = model.predict_proba(rows)[:, 1] if hasattr(model, "predict_proba") else model.predict(rows)
    return np.diff(risk.reshape(20, 60), axis=1)


@pytest.mark.parametrize("family", [Boosting, BoostingCox, BoostingAFT])
@pytest.mark.parametrize("seed", range(3))
def test_declared_directions_hold_everywhere(family, seed):
    X, y, label = u_shaped(seed)
    outcome, grid = (label, {}) if family is Boosting else (y, {"time_grid": GRID})
    free = family(max_depth=3, learning_rate=0.2, **grid).fit(X, outcome)
    assert (steps(free, 0) < -1e-9).any()
    assert (steps(free, 0) > 1e-9).any()
    for directions in ([1, 1, -1], [-1, 1, -1]):
        model = family(max_depth=3, learning_rate=0.2, monotone=directions, **grid).fit(X, outcome)
        for column, sign in enumerate(directions):
            change = sign * steps(model, column)
            assert (change >= -1e-12).all()
            assert change.max() > 1e-3
    assert (steps(family(monotone=[0, 0, 1], **grid).fit(X, outcome), 2) >= -1e-12).all(), "even against the data"


@pytest.mark.parametrize("monotone", [[1, 0], [1, 0, 0, 2, 0, 0], [1] * 7])
def test_directions_that_are_none_are_refused(monotone):
    X, y = binary(0)
    with pytest.raises(ValueError, match="monotone must hold -1, 0 or 1 for each of 6 inputs"):
        Boosting(monotone=monotone).fit(X, y)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"distribution": "gamma"}, "distribution must be one of weibull, loglogistic, lognormal"),
        ({"scale": 0.0}, "scale must lie between 0.05 and 20"),
        ({"scale": np.nan}, "scale must lie between"),
        ({"n_estimators": 0}, "n_estimators must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    X, y = survival(0)
    with pytest.raises(ValueError, match=message):
        BoostingAFT(time_grid=GRID, **settings).fit(X, y)


def test_an_accelerated_model_needs_a_time_above_zero():
    X, y = survival(0)
    y["time"] = 0
    with pytest.raises(ValueError, match="needs a time above 0"):
        BoostingAFT(time_grid=GRID).fit(X, y)


def test_cox_sees_the_order_of_times_only():
    """Times that single precision cannot tell apart, and an event at time 0, are as good as any."""
    X, y = survival(7)
    close = y.copy()
    close["time"] = 1000 + 1e-9 * np.argsort(np.argsort(y["time"]))
    zero = y.copy()
    zero["time"] = np.where(y["time"] == y["time"].min(), 0.0, y["time"])
    expected = BoostingCox(time_grid=GRID).fit(X, y).predict(X)
    assert np.ptp(expected) > 0.5
    for changed in (close, zero):
        np.testing.assert_array_equal(BoostingCox(time_grid=GRID).fit(X, changed).predict(X), expected)


def test_the_seed_decides_the_subsamples_and_nothing_else():
    X, y = binary(4)
    one, again, other = (
        Boosting(n_estimators=10, subsample=0.5, random_state=s).fit(X, y).to_portable() for s in (1, 1, 2)
    )
    assert one == again != other
    whole = [Boosting(n_estimators=10, random_state=s).fit(X, y).to_portable() for s in (1, 2)]
    assert whole[0] == whole[1]


def test_no_threshold_is_a_patients_value():
    X, y = binary(3, n=105)
    trees = Boosting().fit(X, y).predictor_.trees
    cuts = {(j, t) for tree in trees for j, t in zip(tree.feature, tree.threshold, strict=True)}
    assert len(cuts) > 20
    assert not any(t in X[:, j] or t in singles(X[:, j]).astype(float) for j, t in cuts)
