"""The partial likelihood against R, a slow textbook double loop, finite differences and its invariances."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.training.learners.cox_likelihood import CoxDesign, RiskSets, efron, efron_baseline


def slow_efron(beta, X, time, event, entry=None, weight=None):
    """Log likelihood and baseline jumps at x = 0, written from the definition, one patient after the other."""
    n = len(time)
    entry = [-math.inf] * n if entry is None else entry
    weight = [1.0] * n if weight is None else weight
    risk = [weight[i] * math.exp(sum(b * x for b, x in zip(beta, X[i], strict=True))) for i in range(n)]
    loglik, jumps = 0.0, []
    for t in sorted({time[i] for i in range(n) if event[i]}):
        tied = [i for i in range(n) if event[i] and time[i] == t]
        mean_weight = sum(weight[i] for i in tied) / len(tied)
        jump = 0.0
        for number, i in enumerate(tied):
            at_risk = sum(risk[j] for j in range(n) if entry[j] < t <= time[j])
            at_risk -= number / len(tied) * sum(risk[j] for j in tied)
            loglik += weight[i] * math.log(risk[i] / weight[i]) - mean_weight * math.log(at_risk)
            jump += mean_weight / at_risk
        jumps.append(jump)
    return loglik, jumps


@st.composite
def cohorts(draw):
    """Small cohorts on a coarse time scale (ties everywhere) with delayed entry and weights."""
    n, p = draw(st.integers(2, 14)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    time = rng.integers(1, draw(st.integers(2, 9)), n).astype(float)
    event = rng.random(n) < 0.6
    event[rng.integers(n)] = True
    entry = time - rng.integers(1, 6, n)
    return rng.normal(2.0, 1.0, (n, p)), time, event, entry, rng.integers(1, 4, n) / 2, rng.normal(0, 0.7, p)


@given(cohorts())
@settings(max_examples=150, deadline=None)
def test_equals_the_definition(cohort):
    X, time, event, entry, weight, beta = cohort
    design = CoxDesign.build(X, time, event, entry, weight)
    loglik, jumps = slow_efron(beta, X, time, event, entry, weight)
    assert efron(beta, design)[0] == pytest.approx(loglik, rel=1e-10, abs=1e-10)
    at_zero = efron_baseline(beta, design) * np.exp(-design.centre @ beta)
    np.testing.assert_allclose(at_zero, np.cumsum(jumps), rtol=1e-9)


@given(cohorts())
@settings(max_examples=60, deadline=None)
def test_derivatives_equal_finite_differences(cohort):
    X, time, event, entry, weight, beta = cohort
    design = CoxDesign.build(X, time, event, entry, weight)
    _, gradient, information = efron(beta, design)
    for j, e in enumerate(1e-5 * np.eye(len(beta))):
        up, down = efron(beta + e, design), efron(beta - e, design)
        assert gradient[j] == pytest.approx((up[0] - down[0]) / 2e-5, rel=1e-5, abs=1e-6)
        np.testing.assert_allclose(information[j], (down[1] - up[1]) / 2e-5, rtol=1e-5, atol=1e-6)


@given(cohorts(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_invariances(cohort, random):
    """The order of rows, a shift of the inputs and any increasing change of the time scale change nothing."""
    X, time, event, entry, weight, beta = cohort
    loglik, gradient, information = efron(beta, CoxDesign.build(X, time, event, entry, weight))
    row = np.array(random.sample(range(len(time)), len(time)))
    moved = CoxDesign.build(X[row] + 5.0, np.exp(time[row]), event[row], np.exp(entry[row]), weight[row])
    again = efron(beta, moved)
    assert again[0] == pytest.approx(loglik, rel=1e-10, abs=1e-10)
    np.testing.assert_allclose(again[1], gradient, atol=1e-9)
    np.testing.assert_allclose(again[2], information, atol=1e-9)
    assert np.linalg.eigvalsh(information)[0] > -1e-9  # the partial likelihood is concave


@given(cohorts())
@settings(max_examples=60, deadline=None)
def test_entry_at_zero_is_no_entry(cohort):
    X, time, event, _, weight, beta = cohort
    plain, entered = (CoxDesign.build(X, time, event, e, weight) for e in (None, np.zeros(len(time))))
    for mine, theirs in zip(efron(beta, plain), efron(beta, entered), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


def test_two_patients_by_hand():
    # Patient 0 (x = 1) has the event while patient 1 (x = 0) is at risk: e^b / (e^b + 1); the second event is certain.
    design = CoxDesign.build(np.array([[1.0], [0.0]]), np.array([1.0, 2.0]), np.array([True, True]))
    loglik, gradient, information = efron(np.array([0.4]), design)
    p = 1 / (1 + math.exp(-0.4))
    assert loglik == pytest.approx(math.log(p))
    assert gradient[0] == pytest.approx(1 - p)
    assert information[0, 0] == pytest.approx(p * (1 - p))


def test_all_events_at_one_time_by_hand():
    # Without effects three tied events are worth -log(3 * 2 * 1), and the hazard is 1/3 + 1/2 + 1/1.
    design = CoxDesign.build(np.array([[1.0], [2.0], [4.0]]), np.full(3, 7.0), np.ones(3, dtype=bool))
    assert efron(np.zeros(1), design)[0] == pytest.approx(-math.log(6))
    assert efron_baseline(np.zeros(1), design) == pytest.approx([11 / 6])


def test_late_entry_takes_a_patient_out_of_early_risk_sets():
    # The second patient enters at 1.5: the first event, at 1, was certain, and so was the last.
    X, time, event = np.array([[0.0], [3.0]]), np.array([1.0, 2.0]), np.array([True, True])
    assert efron(np.array([0.9]), CoxDesign.build(X, time, event, np.array([0.0, 1.5])))[0] == pytest.approx(0.0)
    # Entering exactly at an event time is too late for that event: risk sets are (entry, time].
    assert efron(np.array([0.9]), CoxDesign.build(X, time, event, np.array([0.0, 1.0])))[0] == pytest.approx(0.0)


def test_a_late_entrant_with_an_enormous_risk_costs_no_digits():
    # A difference of cumulative sums loses e^60 / 2^53, all of it; the patient is not even there before time 5.
    X, time = np.array([[0.0], [1.0], [0.5], [60.0]]), np.array([1.0, 2.0, 3.0, 9.0])
    event, entry = np.array([True, True, False, True]), np.array([0.0, 0.0, 0.0, 5.0])
    loglik, gradient, _ = efron(np.ones(1), CoxDesign.build(X, time, event, entry))
    first, second = 1 / (1 + math.exp(1) + math.exp(0.5)), 1 / (1 + math.exp(-0.5))
    assert loglik == pytest.approx(math.log(first * second), rel=1e-12)
    early = CoxDesign.build(X[:3], time[:3], event[:3])
    assert gradient == pytest.approx(efron(np.ones(1), early)[1], rel=1e-12)


@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_risk_sets_equal_a_table_of_who_is_at_risk(n_times, n_rows, seed):
    rng = np.random.default_rng(seed)
    first, last = rng.integers(0, n_times + 1, (2, n_rows))
    at_risk = (first[:, None] <= np.arange(n_times)) & (np.arange(n_times) < last[:, None])
    sets = RiskSets.build(first, last, n_times)
    values, hazard = rng.normal(size=(n_rows, 2)), rng.random(n_times)
    np.testing.assert_allclose(sets.sums(values), at_risk.T @ values, atol=1e-12)
    np.testing.assert_allclose(sets.met(hazard), at_risk @ hazard, atol=1e-12)


def test_huge_linear_predictors_do_not_overflow():
    rng = np.random.default_rng(3)
    X, time = rng.normal(1e3, 1.0, (50, 1)), rng.exponential(size=50)
    loglik, gradient, information = efron(np.array([20.0]), CoxDesign.build(X, time, np.ones(50, dtype=bool)))
    assert np.isfinite([loglik, gradient[0], information[0, 0]]).all()


def test_no_event_is_refused():
    with pytest.raises(ValueError, match="at least one event"):
        CoxDesign.build(np.zeros((2, 1)), np.ones(2), np.zeros(2, dtype=bool))


def test_r_loglik_at_r_coefficients(data_file):
    """R survival 3.5.3, coxph(Surv(t2, d3) ~ g2 + g3 + z1 + z2 + z8): log-likelihood -361.650763664764."""
    with data_file("leukaemia_hsct/kmsurv_bmt.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    X = np.array([[r["group"] == "2", r["group"] == "3", r["z1"], r["z2"], r["z8"]] for r in rows], dtype=object)
    time, event = np.array([float(r["t2"]) for r in rows]), np.array([r["d3"] == "1" for r in rows])
    beta = np.array([-1.03759144730246, -0.216140372558947, 0.0172135094151825, -0.0017021025914469, 0.829269024291419])
    loglik, gradient, information = efron(beta, CoxDesign.build(X.astype(float), time, event))
    assert loglik == pytest.approx(-361.650763664764, abs=1e-8)
    assert np.abs(gradient @ np.linalg.inv(information)).max() < 1e-6  # R stops once the log-likelihood stands still
    errors = [0.351636652428545, 0.350268006080805, 0.0188655621566196, 0.0179737345939096, 0.274566098989053]
    np.testing.assert_allclose(np.sqrt(np.diag(np.linalg.inv(information))), errors, rtol=1e-6)
