"""Weibull and log-logistic regression against closed forms, scipy, exact integration and the limits they must obey."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import fisk, weibull_min
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from riskml.runtime.members import member_from_dict
from riskml.training.learners.parametric import Parametric
from riskml.training.learners.ridge_cox import RidgeCox

BOTH = pytest.mark.parametrize("distribution", ["weibull", "loglogistic"])


def outcome(event, time, entry=None):
    y = np.empty(len(time), dtype=[("event", bool), ("time", float)] + ([] if entry is None else [("entry", float)]))
    y["event"], y["time"] = event, time
    if entry is not None:
        y["entry"] = entry
    return y


def cohort(seed, n=80, p=3, delayed=False, distribution="weibull"):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) * np.geomspace(0.1, 30, p) + 3
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    draws = rng.random(n)
    noise = np.log(-np.log(draws)) if distribution == "weibull" else np.log(draws / (1 - draws))
    time = np.exp(2.5 - 0.5 * z @ np.resize([1.0, -0.5, 0.0], p) + 0.7 * noise)
    left = rng.uniform(2, 40, n)
    entry = rng.uniform(0, 0.8, n) * np.minimum(time, left) if delayed else None
    return X, outcome(time <= left, np.minimum(time, left), entry)


def minus_log_likelihood(theta, X, y, weight, distribution):
    """By its definition: log density of events, log survival of the others, minus log survival at entry."""
    law = weibull_min if distribution == "weibull" else fisk
    scale = np.exp(theta[0] + X @ theta[2:])
    shape = math.exp(theta[1])
    value = np.where(y["event"], law.logpdf(y["time"], shape, scale=scale), law.logsf(y["time"], shape, scale=scale))
    if "entry" in y.dtype.names:
        value = value - law.logsf(y["entry"], shape, scale=scale)
    return -weight @ value


@BOTH
@pytest.mark.parametrize("delayed", [False, True])
def test_maximum_likelihood_equals_scipy(delayed, distribution):
    X, y = cohort(0, n=150, delayed=delayed, distribution=distribution)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    weight = np.arange(150) % 3 + 0.5
    start = np.array([2.0, 0.0, 0.0, 0.0, 0.0])
    best = minimize(
        minus_log_likelihood,
        start,
        (X, y, weight, distribution),
        "Nelder-Mead",
        options={"maxiter": 8000, "xatol": 1e-7},
    )
    model = Parametric(distribution=distribution, tau=math.inf).fit(X, y, weight)
    ours = np.concatenate([[model.intercept_, -math.log(model.scale_)], model.coef_])
    np.testing.assert_allclose(ours, best.x, atol=1e-4)
    assert minus_log_likelihood(ours, X, y, weight, distribution) <= best.fun + 1e-8


def test_exponential_rate_is_events_over_time_at_risk():
    """Without covariates and with a Weibull shape of 1 in truth; Weibull's own rate by its closed form at its shape."""
    rng = np.random.default_rng(1)
    time, left, entry = rng.exponential(20, 5000), rng.uniform(5, 60, 5000), rng.uniform(0, 4, 5000)
    seen = np.minimum(time, left) > entry
    time, left, entry = time[seen], left[seen], entry[seen]
    y = outcome(time <= left, np.minimum(time, left), entry)
    model = Parametric().fit(np.zeros((len(y), 1)), y)
    assert model.coef_.tolist() == [0]
    rate = y["event"].sum() / (y["time"] - entry).sum()
    assert model.scale_ == pytest.approx(1, abs=0.05)
    assert model.predict_survival([[0.0]], [10.0])[0, 0] == pytest.approx(math.exp(-10 * rate), abs=0.01)
    shape = 1 / model.scale_
    exact = y["event"].sum() / (y["time"] ** shape - entry**shape).sum()
    assert math.exp(-model.intercept_ * shape) == pytest.approx(exact, rel=1e-9)


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=20, deadline=None)
def test_weibull_expects_as_many_events_as_were_observed(seed, delayed):
    X, y = cohort(seed, n=50, delayed=delayed)
    model = Parametric().fit(X, y)
    hazard = np.exp((np.log(y["time"]) - model.intercept_ - X @ model.coef_) / model.scale_)
    if delayed:
        hazard -= np.exp((np.log(y["entry"]) - model.intercept_ - X @ model.coef_) / model.scale_)
    assert hazard.sum() == pytest.approx(y["event"].sum(), rel=1e-9)


@BOTH
def test_fixed_tau_is_the_penalised_maximum(distribution):
    """The prior is on coefficient / scale, per standard deviation of the input."""
    X, y = cohort(3, distribution=distribution)
    X -= X.mean(axis=0)
    model = Parametric(distribution=distribution, tau=0.3).fit(X, y)
    best = np.concatenate([[model.intercept_, -math.log(model.scale_)], model.coef_])

    def minus_log_posterior(theta):
        slopes = theta[2:] * math.exp(theta[1]) * X.std(axis=0)
        return minus_log_likelihood(theta, X, y, np.ones(len(y)), distribution) + 0.5 * slopes @ slopes / 0.3**2

    lowest = minus_log_posterior(best)
    for step in np.diag(1e-3 / np.array([1, 1, *X.std(axis=0)])):
        up, down = minus_log_posterior(best + step), minus_log_posterior(best - step)
        assert min(up, down) > lowest
        assert up - down == pytest.approx(0, abs=1e-6)


def test_weibull_is_a_proportional_hazards_model():
    X, y = cohort(4, n=4000)
    ours, cox = Parametric().fit(X, y), RidgeCox().fit(X, y)
    np.testing.assert_allclose(-ours.coef_ / ours.scale_ * X.std(axis=0), cox.coef_ * X.std(axis=0), atol=0.03)
    assert ours.score(X, y) == pytest.approx(cox.score(X, y), abs=0.005)
    assert np.corrcoef(ours.predict(X), cox.predict(X))[0, 1] > 0.999


def test_the_scale_of_the_prior_is_that_of_ridge_cox():
    """With the true shape the two learners shrink alike."""
    X, y = cohort(5, n=60)
    ours, cox = Parametric().fit(X, y), RidgeCox().fit(X, y)
    spread = [model.tau_weights_ @ model.tau_grid_ for model in (ours, cox)]
    assert spread[0] == pytest.approx(spread[1], rel=0.2)


def test_delayed_entry_undoes_left_truncation():
    rng = np.random.default_rng(6)
    time, entry = 10 * rng.exponential(size=8000) ** 0.5, rng.uniform(0, 12, 8000)
    seen = time > entry
    y = outcome(np.ones(seen.sum(), bool), time[seen], entry[seen])
    X = np.zeros((len(y), 1))
    heeded, ignored = Parametric().fit(X, y), Parametric().fit(X, y[["event", "time"]])
    assert heeded.scale_ == pytest.approx(0.5, abs=0.02)
    assert heeded.predict_survival([[0.0]], [10.0])[0, 0] == pytest.approx(math.exp(-1), abs=0.02)
    assert ignored.predict_survival([[0.0]], [10.0])[0, 0] > 0.5


@given(st.integers(0, 10_000), st.floats(1e-6, 1e6), st.floats(-1e3, 1e3), st.floats(1e-4, 1e4))
@settings(max_examples=20, deadline=None)
def test_units_do_not_matter(seed, factor, shift, unit):
    X, y = cohort(seed)
    moved, other_time = X.copy(), outcome(y["event"], y["time"] * unit)
    moved[:, 1] = factor * (X[:, 1] + shift)
    plain, other = Parametric().fit(X, y), Parametric().fit(moved, other_time)
    times = np.quantile(y["time"], [0.2, 0.8])
    expected = plain.predict_survival(X, times)
    np.testing.assert_allclose(other.predict_survival(moved, times * unit), expected, atol=1e-6)


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_weights_are_frequencies_and_censoring_at_once_says_nothing(seed):
    X, y = cohort(seed)
    weight = np.random.default_rng(seed).integers(0, 4, len(y))
    weight[:3] = 1
    weighted, repeated = Parametric().fit(X, y, weight), Parametric().fit(X.repeat(weight, 0), y.repeat(weight))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(weighted.covariance_, repeated.covariance_, rtol=1e-7, atol=1e-12)
    more = np.append(y, outcome([False], [0.0]))
    centre = np.vstack([X, X.mean(axis=0)])
    scale = [Parametric(tau=math.inf).fit(*rows).scale_ for rows in ((X, y), (centre, more))]
    assert scale[0] == pytest.approx(scale[1], rel=1e-9)


@BOTH
@pytest.mark.parametrize("seed", range(3))
def test_the_portable_member_says_the_same(seed, distribution):
    X, y = cohort(seed, distribution=distribution)
    model = Parametric(distribution=distribution, time_grid=[6, 12, 24]).fit(X, y)
    member = member_from_dict(json.loads(json.dumps(model.to_portable().to_dict())), 3, "survival")
    rows = np.vstack([X, [[0, 0, 0], [1e6, -1e6, 1e6], [-1e9, 0, 0], [1e3, 50, -3]]])
    times = [0.0, 0.01, 6.0, 24.0]
    prepared = member.response.prepare(times)
    expected = model.predict_survival(rows, times)
    np.testing.assert_allclose(member.response.table(member.predictor.table(rows), prepared), expected, atol=1e-9)
    for row, curve in zip(rows.tolist(), expected, strict=True):
        assert member.response.mean([member.predictor.at(row)], [1.0], prepared) == pytest.approx(curve, abs=1e-9)
    law = weibull_min if distribution == "weibull" else fisk
    oracle = law.sf(np.array(times), 1 / model.scale_, scale=np.exp(model.intercept_ + X @ model.coef_)[:, None])
    np.testing.assert_allclose(expected[: len(X)], oracle, atol=1e-9)
    assert member.response.reach == 24


def test_draws_have_the_posteriors_mean_and_spread():
    X, y = cohort(7, n=300)
    model = Parametric(time_grid=[24.0]).fit(X, y)
    normal = np.random.default_rng(0).standard_normal((2500, 8))
    drawn = [model.draw(X.mean(axis=0), row) for row in normal]
    spread = np.array([math.log(member.response.scale) for member in drawn])
    assert spread.mean() == pytest.approx(math.log(model.scale_), abs=0.01)
    assert spread.std() == pytest.approx(math.sqrt(model.covariance_[0, 0]), rel=0.05)
    slope = np.array([np.array(member.linear.coefficients) / -member.response.scale for member in drawn])
    np.testing.assert_allclose(np.cov(slope.T), model.covariance_[2:, 2:], rtol=0.1, atol=2e-4)
    still = model.draw(X.mean(axis=0), np.zeros(5))
    assert still.linear.intercept == pytest.approx(model.intercept_)
    np.testing.assert_allclose(still.linear.coefficients, model.coef_)


@BOTH
def test_awkward_data(distribution):
    model = Parametric(distribution=distribution)
    X, y = cohort(8, distribution=distribution)
    wide = np.column_stack([X, np.full(len(y), 0.1), X[:, 0] * 7 + 1])
    model.fit(wide, y)
    assert model.coef_[3] == 0
    assert model.coef_[0] == pytest.approx(7 * model.coef_[4])
    rng = np.random.default_rng(9)
    model.fit(rng.normal(size=(25, 80)), y[:25])  # more inputs than patients
    assert np.linalg.eigvalsh(model.covariance_).min() > 0
    one = outcome([False, True, False, False], [1.0, 2.0, 3.0, 4.0])
    assert np.isfinite(model.fit([[0.0], [1.0], [2.0], [5.0]], one).coef_).all()
    tied = outcome([True] * 5 + [False] * 5, [2.0] * 5 + [3.0] * 5)
    assert np.isfinite(model.fit(np.arange(10.0)[:, None], tied).coef_).all()


def test_separated_times_are_shrunk_or_refused():
    """Two events, two inputs: without a prior both residuals can be zero and the density infinite."""
    X, y = np.array([[0.0, 1], [1, 0], [2, 5], [3, 1]]), outcome([True, True, False, False], [1.0, 2, 0.5, 0.6])
    assert np.isfinite(Parametric().fit(X, y).coef_).all()
    with pytest.raises(ValueError, match="no finite estimate"):
        Parametric(tau=math.inf).fit(X, y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (outcome([False] * 3, [1.0, 2.0, 3.0]), "at least one event"),
        (outcome([True] * 3, [0.0, 2.0, 3.0]), "events at time 0"),
        (outcome([True, True, False], [2.0, 2.0, 1.0]), r"last time under observation \(2\).*RidgeCox"),
        (outcome([True] * 3, [1.0, 2.0, math.nan]), "finite"),
        (np.zeros(3), "structured array"),
    ],
)
def test_bad_outcomes_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        Parametric().fit(np.arange(3.0)[:, None], y)


def test_bad_settings_and_inputs_are_refused():
    X, y = cohort(0)
    for settings_, message in (
        ({"distribution": "gamma"}, "distribution must be one of weibull, loglogistic, got 'gamma'"),
        ({"prior_scale": -1.0}, "prior_scale must be positive"),
        ({"time_grid": [0.0]}, "time_grid must hold"),
    ):
        with pytest.raises(ValueError, match=message):
            Parametric(**settings_).fit(X, y)
    with pytest.raises(ValueError, match="infinity"):
        Parametric().fit(np.where(X > 3, np.inf, X), y)


def test_estimator_conventions():
    X, y = cohort(0)
    model = Parametric(distribution="loglogistic", time_grid=(6.0, 12.0))
    assert clone(model).get_params() == model.get_params()
    for call in (model.predict, model.to_portable, lambda *_: model.draw(X[0], np.zeros(9))):
        with pytest.raises(NotFittedError):
            call(*([X] if call == model.predict else []))
    assert model.fit(X, y) is model
    for times in ([-0.1], [12.1], [math.nan]):
        with pytest.raises(ValueError, match="must lie in"):
            model.predict_survival(X, times)
    survival = model.predict_survival(X, [0.0, 3.0, 12.0])
    assert (survival[:, 0] == 1).all()
    assert (np.diff(survival, axis=1) <= 0).all()
    order = np.argsort(model.predict(X))
    assert (np.diff(survival[order, 1]) <= 0).all()
    with pytest.raises(ValueError, match="time_grid"):
        Parametric().fit(X, y).to_portable()
