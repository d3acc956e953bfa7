"""Risk sets of every kind against their definition, event time by event time."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.training.learners.cox_likelihood import RiskSets, efron
from riskml.training.metrics import risk_sets
from riskml.training.metrics.risk_sets import FromStart, Matrix, Staying, cox_design, watched
from tests.training.metrics.cases import cohorts

quick = settings(deadline=None, max_examples=60, derandomize=True)


@st.composite
def runs(draw):
    """Rows by increasing time: at risk at the event times first <= k < last."""
    n, n_times = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    last = np.sort(draw(st.lists(st.integers(0, n_times), min_size=n, max_size=n)))
    first = np.minimum(draw(st.lists(st.integers(0, n_times), min_size=n, max_size=n)), last)
    return first.astype(np.intp), last.astype(np.intp), n_times


def agrees(sets, at_risk):
    """Sums over rows and over times, of one column and of two, are those of the matrix of who is at risk."""
    rng = np.random.default_rng(0)
    for columns in ((), (2,)):
        values, hazard = rng.random((at_risk.shape[1], *columns)), rng.random((at_risk.shape[0], *columns))
        np.testing.assert_allclose(sets.sums(values), at_risk @ values, atol=1e-12)
        np.testing.assert_allclose(sets.met(hazard), at_risk.T @ hazard, atol=1e-12)


@quick
@given(runs())
def test_all_kinds_of_risk_sets_are_their_definition(run):
    first, last, n_times = run
    at_risk = np.array([[a <= k < b for a, b in zip(first, last, strict=True)] for k in range(n_times)], dtype=float)
    agrees(Matrix.build(first, last, n_times), at_risk)
    agrees(RiskSets.build(first, last, n_times), at_risk)
    agrees(watched(first, last, n_times), at_risk)
    zero = np.zeros_like(first)
    from_start = np.array([[k < b for b in last] for k in range(n_times)], dtype=float)
    agrees(FromStart.build(zero, last, n_times), from_start)


@quick
@given(runs(), st.lists(st.booleans(), min_size=12, max_size=12))
def test_who_stays_counts_the_weight_of_the_time_over_its_own(run, stays):
    first, last, n_times = run
    rng = np.random.default_rng(1)
    weight, inverse = rng.random(n_times) + 0.5, np.where(stays[: last.size], rng.random(last.size) + 0.5, 0.0)
    times = np.arange(n_times)[:, None]
    at_risk = np.where(times >= last, weight[:, None] * inverse, (first <= times).astype(float))
    sets = Staying(watched(first, last, n_times), FromStart.build(first, last, n_times), weight, inverse)
    agrees(sets, at_risk)


@quick
@given(cohorts(), st.booleans())
def test_a_small_and_a_large_sample_are_judged_alike(cohort, late):
    time, cause, risk, entry = cohort
    event = cause == 1
    if not event.any():
        return
    entry, kept = (entry if late else None), risk_sets.MOST_PAIRS
    found = []
    try:
        for risk_sets.MOST_PAIRS in (0, kept):
            design = cox_design(risk[:, None], time, event, entry)
            found.append(np.hstack([np.ravel(part) for part in efron(np.array([0.7]), design)]))
    finally:
        risk_sets.MOST_PAIRS = kept
    np.testing.assert_allclose(*found, atol=1e-10)
