"""The mixture of literature and ridge against quadrature, its own limits, and the plain ridge it falls back on."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import norm
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from riskml.runtime.members import member_from_dict
from riskml.training.learners.literature import (
    Component,
    LiteratureCox,
    LiteratureLogistic,
    checked_prior,
    draw_from,
    literature_axes,
    mix,
)
from riskml.training.learners.prior_scale import tau_grid
from riskml.training.learners.ridge_cox import RidgeCox
from riskml.training.learners.ridge_logistic import RidgeLogistic

NAN = math.nan
GRID = [1.0, 3.0, 6.0, 12.0]


def binary(n=80, seed=0):
    """Three inputs (a lesion, two measurements) and events that follow the first two."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.random(n) < 0.2, rng.normal(size=(n, 2))]).astype(float)
    return X, (rng.random(n) < expit(-1.2 + 2 * X[:, 0] + X[:, 1])).astype(int)


def survival(n=80, seed=0, delayed=False):
    X, _ = binary(n, seed)
    rng = np.random.default_rng(seed + 1)
    time = rng.exponential(8 / np.exp(X @ [1.5, 0.7, 0.0])).round(1) + 0.1
    last = rng.uniform(4, 14, n)
    y = np.empty(n, dtype=[("event", bool), ("time", float), *([("entry", float)] if delayed else [])])
    y["event"], y["time"] = time <= last, np.minimum(time, last)
    if delayed:
        y["entry"] = y["time"] * rng.uniform(0, 0.5, n)
    return X, y


@parametrize_with_checks([LiteratureLogistic()])
def test_scikit_learns_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("nothing", [{}, {"prior_mean": [NAN] * 3, "prior_sd": [NAN] * 3}])
def test_without_literature_it_is_the_ridge_to_the_last_bit(nothing):
    X, y = binary()
    ours, ridge = LiteratureLogistic(**nothing).fit(X, y), RidgeLogistic().fit(X, y)
    assert ours.literature_weight_ == 0
    for name in ("coef_", "intercept_", "covariance_", "tau_weights_"):
        assert np.array_equal(getattr(ours, name), getattr(ridge, name))
    X, y = survival(delayed=True)
    ours, ridge = LiteratureCox(time_grid=GRID, **nothing).fit(X, y), RidgeCox(time_grid=GRID).fit(X, y)
    for name in ("coef_", "covariance_", "baseline_cumulative_hazard_", "mean_log_risk_"):
        assert np.array_equal(getattr(ours, name), getattr(ridge, name))


def test_the_literature_component_is_the_penalised_maximum_scipy_finds():
    X, y = binary()
    mean, sd = np.array([2.5, 0.5, -0.2]), np.array([0.6, 0.3, 0.4])
    model = LiteratureLogistic(prior_mean=mean, prior_sd=sd, prior_weight=1).fit(X, y)

    def minus_log_posterior(theta):
        lp = theta[0] + X @ theta[1:]
        return np.logaddexp(0, lp).sum() - y @ lp + 0.5 * (((theta[1:] - mean) / sd) ** 2).sum()

    best = minimize(minus_log_posterior, np.zeros(4), method="BFGS", options={"gtol": 1e-9})
    assert model.literature_weight_ == 1
    assert model.coef_[0] == pytest.approx(best.x[1:], abs=1e-5)
    # The intercept is solved again, for calibration in the large.
    assert model.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean())


def test_the_weight_is_bayes_rule_by_quadrature():
    # One centred input, so that intercept and coefficient are nearly independent: two-dimensional integrals by hand.
    rng = np.random.default_rng(3)
    x = np.linspace(-1.5, 1.5, 120)
    y = rng.random(120) < expit(0.3 + 0.8 * x)
    mean, sd, x = 1.6, 0.5, x / x.std()

    def likelihood(beta):
        def at(alpha):
            lp = alpha + beta * x
            return math.exp(float(y @ lp - np.logaddexp(0, lp).sum()) + 75)

        return quad(at, -2, 3)[0]

    literature = quad(lambda b: likelihood(b) * norm.pdf(b, mean, sd), -1, 3)[0]
    tau, mass = tau_grid(0.5)
    ridge = quad(lambda b: likelihood(b) * (mass @ norm.pdf(b, 0, tau)), -1, 3, points=[0.0], limit=200)[0]
    model = LiteratureLogistic(prior_mean=[mean], prior_sd=[sd], prior_weight=0.3).fit(x[:, None], y)
    by_hand = logit(0.3) + math.log(literature / ridge)
    assert logit(model.literature_weight_) == pytest.approx(by_hand, abs=0.03)  # Laplace, not exact


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_a_vague_literature_gives_maximum_likelihood_a_sharp_one_itself(kind):
    X, y = (binary if kind == "binary" else survival)(200)
    ours, ridge = (LiteratureLogistic, RidgeLogistic) if kind == "binary" else (LiteratureCox, RidgeCox)
    told = {"prior_mean": [5.0, -3.0, 1.0], "prior_weight": 1.0}
    vague = ours(prior_sd=[1e4] * 3, **told).fit(X, y)
    assert np.ravel(vague.coef_) == pytest.approx(np.ravel(ridge(tau=math.inf).fit(X, y).coef_), rel=1e-4)
    sharp = ours(prior_sd=[1e-5] * 3, **told).fit(X, y)
    assert np.ravel(sharp.coef_) == pytest.approx(told["prior_mean"], abs=1e-6)


def test_prior_weight_0_is_the_ridge():
    X, y = binary()
    ours = LiteratureLogistic(prior_mean=[9.0, 1, 1], prior_sd=[1.0, 1, 1], prior_weight=0).fit(X, y)
    assert ours.coef_ == pytest.approx(RidgeLogistic().fit(X, y).coef_, rel=1e-12)


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_data_confirm_or_refute_the_literature(kind):
    X, y = (binary if kind == "binary" else survival)(200)
    ours, ridge = (LiteratureLogistic, RidgeLogistic) if kind == "binary" else (LiteratureCox, RidgeCox)
    said, sd = np.array([1.8, 0.9, NAN]), np.array([0.4, 0.4, NAN])
    right = ours(prior_mean=said, prior_sd=sd).fit(X, y)
    wrong = ours(prior_mean=-said, prior_sd=sd).fit(X, y)
    assert right.literature_weight_ > 0.8
    assert wrong.literature_weight_ < 1e-4
    assert np.ravel(wrong.coef_) == pytest.approx(np.ravel(ridge().fit(X, y).coef_), abs=1e-3)


@settings(max_examples=15, deadline=None)
@given(factor=st.floats(1e-3, 1e3), seed=st.integers(0, 100))
def test_the_unit_of_an_input_does_not_matter(factor, seed):
    X, y = binary(60, seed)
    y[:2] = [0, 1]
    said = {"prior_mean": np.array([1.0, 0.5, NAN]), "prior_sd": np.array([0.7, 0.4, NAN])}
    scale = np.array([1.0, factor, factor])
    plain = LiteratureLogistic(**said).fit(X, y)
    scaled = LiteratureLogistic(**{name: value / scale for name, value in said.items()}).fit(X * scale, y)
    assert scaled.predict_proba(X * scale) == pytest.approx(plain.predict_proba(X), abs=1e-8)
    assert scaled.literature_weight_ == pytest.approx(plain.literature_weight_, abs=1e-8)


def test_a_weight_of_two_is_the_row_twice_and_of_zero_no_row():
    X, y = binary()
    weight = np.arange(80) % 3
    said = {"prior_mean": [1.0, NAN, 0.2], "prior_sd": [0.5, NAN, 0.5]}
    weighted = LiteratureLogistic(**said).fit(X, y, weight)
    repeated = LiteratureLogistic(**said).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert weighted.coef_ == pytest.approx(repeated.coef_, rel=1e-8)
    assert weighted.literature_weight_ == pytest.approx(repeated.literature_weight_, rel=1e-8)


def test_of_a_lesion_nobody_carries_the_literature_is_all_there_is():
    X, y = binary()
    X[:, 0] = 0
    model = LiteratureLogistic(prior_mean=[2.0, NAN, NAN], prior_sd=[0.5, NAN, NAN]).fit(X, y)
    assert model.literature_weight_ == pytest.approx(0.5)  # the data cannot tell
    assert model.coef_[0, 0] == pytest.approx(1.0)  # half of it: the ridge has 0 there
    assert model.covariance_[1, 1] == pytest.approx(0.5 * 0.5**2 + 0.25 * 2.0**2)


@pytest.mark.parametrize("kind", ["binary", "survival"])
def test_more_inputs_than_patients_collinear_and_separating_ones(kind):
    X, y = (binary if kind == "binary" else survival)(25)
    event = y if kind == "binary" else y["event"]
    wide = np.column_stack([X, X[:, :2], event, np.random.default_rng(0).normal(size=(25, 40))])
    said = np.full(wide.shape[1], NAN)
    said[[0, 3, 5]] = 1.0
    model = (LiteratureLogistic if kind == "binary" else LiteratureCox)(prior_mean=said, prior_sd=said).fit(wide, y)
    assert np.isfinite(model.coef_).all()
    assert (np.linalg.eigvalsh(model.covariance_) > -1e-9).all()


def test_one_event_and_ties_everywhere():
    X, y = survival(30)
    y["time"], y["event"] = 2.0, False
    y["event"][0] = True
    model = LiteratureCox(prior_mean=[1.0, NAN, NAN], prior_sd=[0.5, NAN, NAN]).fit(X, y)
    assert np.isfinite(model.coef_).all()
    assert model.predict_survival_function(X, return_array=True).shape == (30, 1)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"prior_weight": 1.2}, "prior_weight must be between 0 and 1"),
        ({"prior_weight": NAN}, "prior_weight must be between 0 and 1"),
        ({"prior_mean": [1.0], "prior_sd": [1.0]}, "one number a column, 3"),
        ({"prior_mean": [1.0, NAN, NAN]}, "positive prior_sd"),
        ({"prior_mean": [1.0, NAN, NAN], "prior_sd": [0.0, NAN, NAN]}, "positive prior_sd"),
        ({"prior_mean": [math.inf, NAN, NAN], "prior_sd": [1.0, NAN, NAN]}, "finite prior_mean"),
        ({"prior_scale": 0.0}, "prior_scale must be positive"),
    ],
)
def test_what_cannot_be_a_prior_is_refused(changed, words):
    with pytest.raises(ValueError, match=words):
        LiteratureLogistic(**changed).fit(*binary())
    with pytest.raises(ValueError, match=words):
        LiteratureCox(**changed).fit(*survival())


def test_infinite_inputs_and_single_classes_are_refused():
    X, y = binary()
    with pytest.raises(ValueError, match="one class"):
        LiteratureLogistic().fit(X, y * 0)
    X[3, 1] = math.inf
    with pytest.raises(ValueError, match="infinity"):
        LiteratureLogistic().fit(X, y)


def test_axes_hold_the_design_and_the_prior():
    X, _ = binary()
    mean, sd = checked_prior([2.0, NAN, 1.0], [0.5, NAN, 4.0], 0.5, 3)
    axes, centre = literature_axes(X, np.ones(80), mean, sd)
    assert centre.tolist() == [4.0, 0.25, 0.0]
    assert axes.scores @ np.linalg.pinv(axes.loadings) == pytest.approx(X - X.mean(axis=0))
    # A unit step along the literature's axes is one prior standard deviation of the coefficient.
    assert np.diag(axes.loadings[[0, 2], :2]).tolist() == [0.5, 4.0]
    assert axes.unseen() == pytest.approx(np.zeros((3, 3)), abs=1e-12)


def test_mixing_two_normals():
    literature, ridge = (
        Component(np.array([m]), np.array([[v]]), e) for m, v, e in ((2.0, 1.0, math.log(3)), (0.0, 4.0, 0.0))
    )
    weight, mean, covariance = mix(literature, ridge, 0.5)
    assert (weight, mean[0]) == pytest.approx((0.75, 1.5))
    assert covariance[0, 0] == pytest.approx(0.75 * (1 + 4) + 0.25 * 4 - 1.5**2)  # E[x^2] - E[x]^2
    assert mix(literature, ridge, 0.0)[0] == 0
    assert mix(literature, ridge, 1.0)[0] == 1


def test_draws_have_the_mixtures_moments():
    covariance = np.array([[1.0, 0.5], [0.5, 2.0]])
    components = tuple(
        Component(np.array(m), c, 0.0) for m, c in (([3.0, -1.0], covariance), ([0.0, 0.0], 4 * covariance))
    )
    normal = np.random.default_rng(0).standard_normal((20_000, 2))
    draws = np.array([draw_from(components, 0.3, row) for row in normal])
    mean = 0.3 * components[0].mean
    spread = 0.3 * (covariance + np.outer([3, -1], [3, -1])) + 0.7 * 4 * covariance - np.outer(mean, mean)
    assert draws.mean(axis=0) == pytest.approx(mean, abs=0.06)
    assert np.cov(draws.T) == pytest.approx(spread, abs=0.2)
    # Which component was drawn has nothing to do with how large the number was.
    near = np.array(
        [np.allclose(d, components[0].mean + _root(covariance) @ z) for d, z in zip(draws, normal, strict=True)]
    )
    assert near.mean() == pytest.approx(0.3, abs=0.015)
    assert abs(np.corrcoef(near, normal[:, 0])[0, 1]) < 0.03
    assert abs(np.corrcoef(near, normal[:, 0] ** 2)[0, 1]) < 0.03


def _root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values)) @ vectors.T


@pytest.mark.parametrize("seed", range(3))
def test_the_portable_member_says_the_same(seed):
    said = {"prior_mean": [1.5, NAN, 0.3], "prior_sd": [0.6, NAN, 0.3]}
    extreme = np.array([[0.0, 0, 0], [1.0, 50, -50], [1e3, -1e3, 1e3], [1.0, -3, 2]])
    X, y = binary(60, seed)
    model = LiteratureLogistic(**said).fit(X, y)
    check_member(model.to_portable(), np.vstack([X, extreme]), (), model.predict_proba(np.vstack([X, extreme]))[:, 1:])
    X, y = survival(60, seed)
    model = LiteratureCox(time_grid=GRID, **said).fit(X, y)
    rows, times = np.vstack([X, extreme[[0, 3]]]), [0.0, 0.5, 2.0, 12.0]
    check_member(model.to_portable(), rows, times, np.exp(-model.predict_cumulative_hazard(rows, times)))


def check_member(member, rows, times, expected):
    kind = "survival" if times else "binary"
    member = member_from_dict(json.loads(json.dumps(member.to_dict())), rows.shape[1], kind)
    prepared = member.response.prepare(times)
    assert member.response.table(member.predictor.table(rows), prepared) == pytest.approx(expected, abs=1e-9)
    for row, answer in zip(rows.tolist(), expected, strict=True):
        assert member.response.mean([member.predictor.at(row)], [1.0], prepared) == pytest.approx(answer, abs=1e-9)


def test_draws_are_members_and_depend_on_the_numbers_alone():
    said = {"prior_mean": [1.5, NAN, 0.3], "prior_sd": [0.6, NAN, 0.3]}
    X, y = binary()
    model, normal = LiteratureLogistic(**said).fit(X, y), np.random.default_rng(1).standard_normal((400, 4))
    drawn = np.array([model.draw(X.mean(axis=0), row).linear.coefficients for row in normal])
    assert np.array_equal(drawn[0], model.draw(X.mean(axis=0), normal[0]).linear.coefficients)
    assert drawn.mean(axis=0) == pytest.approx(model.coef_[0], abs=0.15)
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(np.diag(model.covariance_)[1:]), rel=0.15)
    X, y = survival()
    model = LiteratureCox(time_grid=GRID, **said).fit(X, y)
    member = model.draw(X.mean(axis=0), np.append(normal[0], np.zeros(len(GRID))))
    # The baseline belongs to the mean patient, whose log risk is 0 in every draw.
    assert member.linear.at(X.mean(axis=0)) == pytest.approx(0, abs=1e-12)
    assert member.baseline.times == (0.0, *GRID)


def test_without_a_time_grid_nothing_is_portable():
    model = LiteratureCox().fit(*survival())
    with pytest.raises(ValueError, match="time_grid"):
        model.to_portable()
    with pytest.raises(ValueError, match="time_grid"):
        model.draw(np.zeros(3), np.zeros(4))


def test_settings_are_only_stored():
    said = {"prior_mean": [1.0, NAN, NAN], "prior_sd": [0.5, NAN, NAN], "prior_weight": 0.2, "prior_scale": 0.4}
    model = LiteratureCox(time_grid=GRID, **said)
    copy = clone(model)
    assert copy.get_params()["prior_weight"] == 0.2
    assert "tau" not in copy.get_params()
    X, y = survival()
    assert np.array_equal(copy.fit(X, y).coef_, model.fit(X, y).coef_)
