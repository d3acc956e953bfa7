"""Cox effects: against a naive likelihood, a closed form, R's coxph, and what Firth's penalty is for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.stats import chi2

from riskml.training.learners.cox_effects import cox_effects
from tests.training.metrics.cases import read_columns


def naive(beta, X, time, event, entry):
    """Log partial likelihood with Efron's ties and its information, event time by event time."""
    value, information = 0.0, np.zeros((X.shape[1], X.shape[1]))
    for t in sorted(set(time[event])):
        at_risk, dying = np.flatnonzero((entry < t) & (time >= t)), np.flatnonzero((time == t) & event)
        for step in range(len(dying)):
            weight = np.zeros(len(time))
            weight[at_risk] = np.exp(X[at_risk] @ beta)
            weight[dying] *= 1 - step / len(dying)
            mean = weight @ X / weight.sum()
            information += (X - mean).T @ (weight[:, None] * (X - mean)) / weight.sum()
            value -= math.log(weight.sum())
        value += float((X[dying] @ beta).sum())
    return value, information


def naive_penalised(beta, *data):
    value, information = naive(np.atleast_1d(beta), *data)
    sign, log_det = np.linalg.slogdet(information)
    return value + 0.5 * log_det if sign > 0 else -math.inf


def sample(seed, n=40, p=2, ties=15):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(size=n), *(rng.random(n) < 0.4 for _ in range(p - 1))]).astype(float)
    time = rng.integers(2, ties, n).astype(float)
    entry = np.floor(rng.random(n) * 0.5 * time)
    return X, time, rng.random(n) < 0.5, entry


def test_two_patients_by_hand():
    # One event, both at risk: l = b - log(1 + e^b), I = e^b / (1 + e^b)^2. Firth: 1 - pi + (1/2 - pi) = 0, pi = 3/4.
    X, time, event = np.array([[1.0], [0.0]]), np.array([1.0, 2.0]), np.array([True, False])
    assert not cox_effects(X, time, event).found
    found = cox_effects(X, time, event, firth=True)
    assert found.coef[0] == pytest.approx(math.log(3))
    assert found.standard_error[0] == pytest.approx(1 / math.sqrt(3 / 16))
    # The penalised likelihood is that of Beta(3/2, 1/2): pi^1.5 (1 - pi)^.5; at b = 0 it has fallen by
    top, null = 1.5 * math.log(3 / 4) + 0.5 * math.log(1 / 4), 2 * math.log(1 / 2)
    assert found.p_value[0] == pytest.approx(chi2.sf(2 * (top - null), 1))


@pytest.mark.parametrize("seed", range(4))
def test_penalised_maximum_is_that_of_the_naive_likelihood(seed):
    X, time, event, entry = sample(seed)
    found = cox_effects(X, time, event, entry, firth=True)
    options = {"xatol": 1e-8, "fatol": 1e-12}
    best = minimize(lambda b: -naive_penalised(b, X, time, event, entry), [0, 0], method="Nelder-Mead", options=options)
    assert found.coef == pytest.approx(best.x, abs=1e-5)
    information = naive(found.coef, X, time, event, entry)[1]
    assert found.covariance == pytest.approx(np.linalg.inv(information), rel=1e-6)


@pytest.mark.parametrize("seed", [1, 2])
def test_profile_interval_ends_where_the_naive_profile_falls_by_chi_squared(seed):
    X, time, event, entry = sample(seed)
    data = (X, time, event, entry)
    found = cox_effects(*data, firth=True, level=0.9)
    top = naive_penalised(found.coef, *data)

    def lost(value):
        inner = minimize_scalar(lambda other: -naive_penalised(np.array([other, value]), *data), bracket=(-1, 1))
        return 2 * (top + inner.fun)

    for end in (found.low[1], found.high[1]):
        assert lost(end) == pytest.approx(chi2.ppf(0.9, 1), abs=1e-4)
    assert found.p_value[1] == pytest.approx(chi2.sf(lost(0.0), 1), abs=1e-5)


def test_a_group_without_events_has_a_finite_ratio_and_an_interval_open_to_no_side():
    rng = np.random.default_rng(3)
    group = np.repeat([1.0, 0.0], [12, 40])
    time, event = rng.uniform(1, 20, 52), (group == 0) & (rng.random(52) < 0.5)
    assert not cox_effects(group[:, None], time, event).found
    found = cox_effects(group[:, None], time, event, firth=True)
    assert -8 < found.coef[0] < -1
    assert found.low[0] < found.coef[0] < found.high[0]
    assert np.isfinite([found.low[0], found.high[0]]).all()
    # Heinze and Schemper: the profile is far from a parabola, the interval reaches further on the side of separation.
    assert found.coef[0] - found.low[0] > found.high[0] - found.coef[0]


def test_the_penalty_vanishes_with_many_events():
    rng = np.random.default_rng(11)
    X = rng.normal(size=(3000, 2))
    time = rng.exponential(np.exp(-X @ [0.5, -0.3]))
    event = np.ones(3000, dtype=bool)
    plain, penalised = cox_effects(X, time, event), cox_effects(X, time, event, firth=True)
    assert penalised.coef == pytest.approx(plain.coef, abs=2e-3)
    assert [*penalised.low, *penalised.high] == pytest.approx([*plain.low, *plain.high], abs=3e-3)
    assert plain.coef == pytest.approx([0.5, -0.3], abs=0.08)


@settings(max_examples=8)
@given(st.floats(0.01, 100), st.floats(-50, 50), st.booleans())
def test_units_of_an_input_do_not_matter(factor, shift, firth):
    X, time, event, entry = sample(5)
    moved = X * [factor, 1] + [shift, 0]
    here, there = (cox_effects(x, time, event, entry, firth=firth) for x in (X, moved))
    assert there.coef * [factor, 1] == pytest.approx(here.coef, rel=1e-5, abs=1e-7)
    assert there.low * [factor, 1] == pytest.approx(here.low, rel=1e-4, abs=1e-6)
    assert there.p_value == pytest.approx(here.p_value, rel=1e-4, abs=1e-9)


@pytest.mark.data
def test_as_rs_coxph(data_file):
    # R 4.2.2, survival 3.5.3: coxph(Surv(t2, d3) ~ factor(group) + z1 + z2 + z8); coefficients and standard errors.
    table = read_columns(data_file("leukaemia_hsct/kmsurv_bmt.csv"))
    expected = read_columns(data_file("reference_stats/expected_values_R.csv"))
    names = ("g2", "g3", "z1", "z2", "z8")
    columns = {name: table[name].astype(float) for name in names[2:]}
    columns |= {"g2": table["group"] == "2", "g3": table["group"] == "3"}
    X = np.column_stack([columns[name] for name in names]).astype(float)
    found = cox_effects(X, table["t2"].astype(float), table["d3"] == "1")
    for k, name in enumerate(names):
        row = np.flatnonzero(
            (expected["dataset"] == "kmsurv_bmt DFS(t2,d3)") & (expected["quantity"] == f"cox_efron_coef:{name}")
        )[0]
        assert found.coef[k] == pytest.approx(float(expected["value"][row]), abs=1e-7)
        assert found.standard_error[k] == pytest.approx(float(expected["se"][row]), abs=1e-7)
    assert found.high - found.low == pytest.approx(2 * 1.959963984540054 * found.standard_error)


def test_walds_test_of_one_coefficient_is_its_own_and_of_two_their_quadratic_form():
    found = cox_effects(*sample(7))
    assert found.wald([1]) == pytest.approx(found.p_value[1])
    both = found.coef @ np.linalg.inv(found.covariance) @ found.coef
    assert found.wald([0, 1]) == pytest.approx(chi2.sf(both, 2))
    assert math.isnan(found.wald([]))


def constant(X):
    return X * [1, 0]


def copied(X):
    return X[:, [0, 0]]


@pytest.mark.parametrize("spoil", [constant, copied])
@pytest.mark.parametrize("firth", [False, True])
def test_columns_that_say_nothing_of_their_own_are_not_estimable(spoil, firth):
    X, time, event, entry = sample(1)
    found = cox_effects(spoil(X), time, event, entry, firth=firth)
    assert (found.found, np.isnan(found.low).all(), math.isnan(found.wald([0]))) == (False, True, True)


@pytest.mark.parametrize("firth", [False, True])
def test_without_events_or_where_no_event_had_both_groups_at_risk(firth):
    X = np.repeat([0.0, 1.0], 5)[:, None]
    assert not cox_effects(X, np.arange(1.0, 11), np.zeros(10, dtype=bool), firth=firth).found
    # the first group has left before the second has its first event, and had none itself
    assert not cox_effects(X, np.arange(1.0, 11), np.arange(10) > 6, firth=firth).found
    assert not cox_effects(np.empty((3, 0)), np.arange(1.0, 4), np.ones(3, dtype=bool), firth=firth).coef.size


@pytest.mark.parametrize(
    ("X", "entry", "level", "message"),
    [
        ([[1.0], [np.nan]], None, 0.95, "finite"),
        ([[1.0]], None, 0.95, "2 rows"),
        ([[1.0], [2.0]], [1.0, 0.0], 0.95, "entry must be before"),
        ([[1.0], [2.0]], None, 1.0, "level"),
    ],
)
def test_slips_are_refused(X, entry, level, message):
    entry = None if entry is None else np.array(entry)
    with pytest.raises(ValueError, match=message):
        cox_effects(np.array(X), np.array([1.0, 2.0]), np.array([True, True]), entry, level=level)


def test_profile_of_one_coefficient_against_its_closed_form():
    # n pairs in which the first, x = 1, dies k times: binomial with Jeffreys' prior, pi^(k + .5) (1 - pi)^(n - k + .5).
    n, k = 12, 10
    time = np.repeat(np.arange(1.0, n + 1), 2) * 2
    first = np.tile([True, False], n)
    dies = first == np.repeat(np.arange(n) < k, 2)
    entry = time - 1
    found = cox_effects(first[:, None].astype(float), np.where(dies, time - 0.5, time), dies, entry, firth=True)

    def loglik(b):
        pi = 1 / (1 + math.exp(-b))
        return (k + 0.5) * math.log(pi) + (n - k + 0.5) * math.log(1 - pi)

    best = math.log((k + 0.5) / (n - k + 0.5))
    allowed = chi2.ppf(0.95, 1)
    ends = [brentq(lambda b: 2 * (loglik(best) - loglik(b)) - allowed, *bracket) for bracket in ((-5, best), (best, 9))]
    assert (found.coef[0], found.low[0], found.high[0]) == pytest.approx((best, *ends), abs=1e-7)
