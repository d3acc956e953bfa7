"""Uno's C, AUC(t) and the integrated Brier score against scikit-survival, hand-worked cases and known truths."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sksurv.metrics import concordance_index_ipcw, cumulative_dynamic_auc, integrated_brier_score
from sksurv.util import Surv

from riskml.training.metrics import survival as sv
from riskml.training.metrics import time_dependent as td
from riskml.training.metrics.binary import auc
from tests.training.metrics.cases import cohorts, truncated

quick = settings(deadline=None, max_examples=60, derandomize=True)


@pytest.fixture(scope="module")
def sample():
    """Distinct times: scikit-survival then has the same censoring curve at them as we have just before them."""
    rng = np.random.default_rng(9)
    linear = rng.normal(size=300).round(1)
    death, followed = rng.exponential(np.exp(-linear)), rng.exponential(1.5, size=300)
    return np.minimum(death, followed), death <= followed, linear


def test_scikit_survival_agrees_where_it_can_answer(sample):
    time, event, linear = sample
    y = Surv.from_arrays(event, time)
    for horizon in (None, 0.4, 1.0):
        theirs = concordance_index_ipcw(y, y, linear, tau=horizon)[0]
        assert td.uno_c(time, event, linear, horizon) == pytest.approx(theirs, abs=2e-3 if horizon is None else 1e-3)
    times = np.array([0.2, 0.5, 1.0])
    theirs = cumulative_dynamic_auc(y, y, linear, times)[0]
    assert [td.auc_at(time, event, linear, t) for t in times] == pytest.approx(theirs, abs=1e-9)
    survival = np.exp(-np.outer(np.exp(linear), times))
    assert td.integrated_brier(time, event, survival, times) == pytest.approx(
        integrated_brier_score(y, y, survival, times), abs=1e-9
    )


def test_uno_by_hand():
    # Events at 1 and 3, censored at 2 and 4. G(3-) = 2/3. Event at 1 beats .2 and .3, not .9: 2 of 3 pairs, weight 1;
    # event at 3 (.9) beats .3: 1 of 1, weight (3/2)^2.
    time, event = np.array([1.0, 2, 3, 4]), np.array([True, False, True, False])
    risk = np.array([0.5, 0.2, 0.9, 0.3])
    assert td.uno_c(time, event, risk) == pytest.approx((2 + 2.25) / (3 + 2.25))
    assert td.uno_c(time, event, risk, horizon=3) == pytest.approx(2 / 3), "the event at 3 is not before 3"
    assert math.isnan(td.uno_c(time, event, risk, horizon=1))


def test_auc_at_by_hand():
    # By 3: cases at 1 (weight 1) and 3 (weight 3/2), control the one who goes on; .5 beats .3, .1 does not.
    time, event = np.array([1.0, 2, 3, 4]), np.array([True, False, True, False])
    assert td.auc_at(time, event, np.array([0.5, 0.2, 0.1, 0.3]), 3) == pytest.approx(1 / 2.5)
    assert td.auc_at(time, event, np.array([0.5, 0.2, 0.3, 0.3]), 3) == pytest.approx(1.75 / 2.5)


def test_integrated_brier_is_the_trapezoid_of_the_brier_score():
    time, event = np.array([1.0, 2, 3, 5]), np.array([True, False, True, False])
    survival, times = (
        np.array([[0.9, 0.2, 0.1], [0.9, 0.7, 0.6], [0.8, 0.4, 0.3], [1, 0.9, 0.8]]),
        np.array([1.0, 2, 4]),
    )
    scores = [sv.ipcw_brier(time, event, survival[:, k], t) for k, t in enumerate(times)]
    expected_score = (scores[0] + scores[1]) / 2 / 3 + (scores[1] + scores[2]) / 2 * 2 / 3
    assert td.integrated_brier(time, event, survival, times) == pytest.approx(expected_score)


@quick
@given(cohorts(), st.integers(1, 9))
def test_without_censoring_these_are_the_plain_measures(cohort, horizon):
    time, _, risk, _ = cohort
    event = np.ones(time.size, dtype=bool)
    assert td.uno_c(time, event, risk) == pytest.approx(sv.harrell_c(time, event, risk), nan_ok=True)
    assert td.auc_at(time, event, risk, horizon) == pytest.approx(auc(time <= horizon, risk), nan_ok=True)


@quick
@given(cohorts(), st.integers(1, 9))
def test_ranks_alone_count_and_zero_entries_change_nothing(cohort, horizon):
    time, cause, risk, entry = cohort
    event = cause == 1
    for measure in (td.uno_c, td.auc_at):
        value = measure(time, event, risk, horizon, entry)
        assert math.isnan(value) or 0 <= value <= 1
        assert measure(time, event, np.exp(2 * risk), horizon, entry) == pytest.approx(value, nan_ok=True)
        assert measure(time, event, -risk, horizon, entry) == pytest.approx(1 - value, nan_ok=True)
        plain = measure(time, event, risk, horizon)
        assert measure(time, event, risk, horizon, np.zeros(time.size)) == pytest.approx(plain, nan_ok=True)


def test_truncation_and_censoring_are_undone():
    """The whole population knows the truth; ignoring late entry misses it by more than sampling does."""
    truth = truncated()
    event, seen = truth.cause == 1, truth.seen_cause == 1
    for measure, tolerance in ((td.uno_c, 0.012), (td.auc_at, 0.012)):
        whole = measure(truth.time, event, truth.risk, 1.0)
        assert measure(truth.seen_time, seen, truth.seen_risk, 1.0, truth.entry) == pytest.approx(whole, abs=tolerance)
    naive = td.uno_c(truth.seen_time, seen, truth.seen_risk, 1.0)
    assert abs(naive - td.uno_c(truth.time, event, truth.risk, 1.0)) > 0.015
    times = np.array([0.2, 0.6, 1.0])
    whole, found = (
        td.integrated_brier(t, e, 1 - r[:, None] * times, times, entry)
        for t, e, r, entry in (
            (truth.time, event, truth.risk, None),
            (truth.seen_time, seen, truth.seen_risk, truth.entry),
        )
    )
    assert found == pytest.approx(whole, abs=0.004)


def test_what_cannot_be_said_is_nan():
    time, event, risk = np.array([1.0, 2, 3]), np.array([True, False, False]), np.array([0.3, 0.2, 0.1])
    assert math.isnan(td.auc_at(time, event, risk, 4)), "beyond the follow-up"
    assert math.isnan(td.auc_at(time, event, risk, 0.5)), "no case yet"
    assert math.isnan(td.auc_at(time, np.ones(3, dtype=bool), risk, 3)), "no control left"
    assert math.isnan(td.uno_c(time, ~np.ones(3, dtype=bool), risk))
    assert math.isnan(td.integrated_brier(time, event, np.full((3, 2), 0.5), np.array([1.0, 4.0])))
    assert math.isnan(td.auc_at(time, event, risk, 0.9, np.array([0.95, 1.0, 1.0]))), "nobody was watched yet"
    none = np.array([])
    assert math.isnan(td.uno_c(none, none.astype(bool), none))
    assert math.isnan(td.auc_at(none, none.astype(bool), none, 1.0))


def test_slips_are_refused():
    time, event = np.array([1.0, 2]), np.array([True, False])
    with pytest.raises(ValueError, match="risk must hold 2 finite numbers"):
        td.uno_c(time, event, np.array([1.0, math.nan]))
    with pytest.raises(ValueError, match="risk must hold 2 finite numbers"):
        td.auc_at(time, event, np.array([1.0]), 1.0)
    with pytest.raises(ValueError, match="ascending"):
        td.integrated_brier(time, event, np.ones((2, 2)), np.array([1.0, 1.0]))
    with pytest.raises(ValueError, match=r"one column a time: shape \(2, 2\), got \(2, 1\)"):
        td.integrated_brier(time, event, np.ones((2, 1)), np.array([1.0, 2.0]))
