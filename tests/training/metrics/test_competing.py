"""Competing risks: cases by hand, known truths, and what must hold when nobody has the competing event."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from riskml.training.metrics import competing as cr
from riskml.training.metrics import survival as sv
from riskml.training.metrics import time_dependent as td
from tests.training.metrics.cases import cohorts as late_cohorts
from tests.training.metrics.cases import truncated

quick = settings(deadline=None, max_examples=60, derandomize=True)


@st.composite
def cohorts(draw):
    """Ten possible times, so ties abound: time, cause 0/1/2, predicted incidence."""
    n = draw(st.integers(3, 25))
    time = np.array(draw(st.lists(st.integers(1, 10), min_size=n, max_size=n)), dtype=float)
    cause = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    risk = np.array(draw(st.lists(st.integers(1, 99), min_size=n, max_size=n))) / 100
    return time, cause, risk


def test_incidence_by_hand():
    # Times 1 (event), 2 (competing), 3 (censored), 4 (event): 1/4, then S = 1/2 and one of one at risk: 1/4 + 1/2.
    time, cause = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 2, 0, 1])
    assert cr.aalen_johansen(time, cause, 0.5) == 0
    assert cr.aalen_johansen(time, cause, 1.0) == pytest.approx(1 / 4)
    assert cr.aalen_johansen(time, cause, 3.5) == pytest.approx(1 / 4)
    assert cr.aalen_johansen(time, cause, 4.0) == pytest.approx(3 / 4)
    assert cr.aalen_johansen(time, cause, 9.0) == pytest.approx(3 / 4), "nobody is left: it stays"
    # Entering at 1.5, the patient of time 4 is not at risk at time 1: 1/3; then S = 2/3 * 2/3 and all of it at 4.
    late = np.array([0.0, 0.0, 0.0, 1.5])
    assert cr.aalen_johansen(time, cause, 1.0, late) == pytest.approx(1 / 3)
    assert cr.aalen_johansen(time, cause, 4.0, late) == pytest.approx(1 / 3 + 4 / 9)


def test_brier_by_hand():
    # All is known at 3: an event (1), a competing event (0), two free of events (0); predictions .5, .5, .25, 0.
    time, cause = np.array([1.0, 2.0, 5.0, 6.0]), np.array([1, 2, 0, 0])
    found = cr.ipcw_brier(time, cause, np.array([0.5, 0.5, 0.25, 0.0]), 3.0)
    assert found == pytest.approx((0.25 + 0.25 + 0.0625 + 0) / 4)
    assert cr.ipa(time, cause, np.array([1.0, 0.0, 0.0, 0.0]), 3.0, 0.25) == pytest.approx(1.0)


def test_who_had_a_competing_event_outlasts_everybody():
    # The competing event at 1 came first, yet this patient never relapses: ranking it lowest is right.
    time, cause = np.array([1.0, 2.0, 3.0]), np.array([2, 1, 1])
    assert cr.c_index(time, cause, np.array([0.0, 2.0, 1.0])) == 1
    assert cr.c_index(time, cause, np.array([3.0, 2.0, 1.0])) == pytest.approx(1 / 3)


@quick
@given(cohorts(), st.sampled_from([2.0, 5.0, 8.0]))
def test_incidences_and_survival_add_up(cohort, horizon):
    time, cause, _ = cohort
    first = cr.aalen_johansen(time, cause, horizon)
    second = cr.aalen_johansen(time, np.where(cause == 1, 2, np.where(cause == 2, 1, 0)), horizon)
    free = sv.kaplan_meier(time, cause > 0).at(horizon)
    assert math.isnan(first) == math.isnan(free)
    if not math.isnan(free):
        assert first + second + free == pytest.approx(1.0, abs=1e-12)


@quick
@given(late_cohorts(), st.sampled_from([2.0, 5.0, 8.0]), st.booleans())
def test_pseudo_values_are_the_derivative_by_the_weight_of_a_patient(cohort, horizon, late):
    time, cause, _, entry = cohort
    entry = entry if late else None
    found, n = cr.pseudo_values(time, cause, horizon, entry), time.size
    whole = cr.aalen_johansen(time, cause, horizon, entry)
    assert np.isnan(found).all() == math.isnan(whole)
    assume(not math.isnan(whole))
    assert found.mean() == pytest.approx(whole)
    for k in range(n):
        less, more = (
            cr.aalen_johansen(time, cause, horizon, entry, np.where(np.arange(n) == k, 1 + step, 1.0))
            for step in (-1e-5, 1e-5)
        )
        assert found[k] == pytest.approx(whole + n * (more - less) / 2e-5, abs=1e-6)


@quick
@given(cohorts(), st.sampled_from([2.0, 5.0, 8.0]))
def test_without_censoring_pseudo_values_are_the_outcomes(cohort, horizon):
    time, cause, _ = cohort
    cause = np.maximum(cause, 1)
    outcome = ((cause == 1) & (time <= horizon)).astype(float)
    np.testing.assert_allclose(cr.pseudo_values(time, cause, horizon), outcome, atol=1e-9)
    np.testing.assert_allclose(cr.pseudo_values(time, cause, horizon, np.zeros(time.size)), outcome, atol=1e-9)


def test_pseudo_values_are_nearly_the_jackknife():
    rng = np.random.default_rng(2)
    time, cause = rng.exponential(size=200), rng.integers(0, 3, 200)
    others = [np.arange(200) != k for k in range(200)]
    left = np.array([cr.aalen_johansen(time[rows], cause[rows], 1.0) for rows in others])
    jackknife = 200 * cr.aalen_johansen(time, cause, 1.0) - 199 * left
    assert cr.pseudo_values(time, cause, 1.0) == pytest.approx(jackknife, abs=0.02)


def test_the_interval_of_an_incidence_with_late_entries_covers_it():
    truth = truncated(60_000, competing=0.5, seed=3)
    incidence, size, covered = np.mean((truth.cause == 1) & (truth.time <= 1)), truth.entry.size, []
    for rows in np.array_split(np.random.default_rng(0).permutation(size), size // 120):
        time, cause, entry = truth.seen_time[rows], truth.seen_cause[rows], truth.entry[rows]
        found = cr.incidence_interval(time, cause, 1.0, entry=entry)
        covered.append(found.low <= incidence <= found.high)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.035)


def test_pseudo_values_of_nobody_and_of_one():
    assert cr.pseudo_values(np.array([]), np.array([], dtype=int), 1.0).size == 0
    assert cr.pseudo_values(np.array([2.0]), np.array([1]), 3.0).tolist() == [1.0]
    assert math.isnan(cr.incidence_interval(np.array([2.0]), np.array([1]), 3.0).low)


def test_concordance_and_auc_by_hand():
    # By 3: the case at 2 (.6) is set against the competing event at 1 (.7) and the two still free (.5, .6).
    time, cause, risk = np.array([1.0, 2, 4, 5]), np.array([2, 1, 0, 0]), np.array([0.7, 0.6, 0.5, 0.6])
    assert cr.auc_at(time, cause, risk, 3.0) == pytest.approx(1.5 / 3)
    assert cr.uno_c(time, cause, risk, 3.0) == pytest.approx(1.5 / 3)
    # One of four at risk is censored at 1.5: G = 3/4 from then. Those free at 2 weigh (4/3)^2, the competing event 4/3.
    time, cause, weight = np.append(time, 1.5), np.append(cause, 0), 4 / 3
    found = cr.uno_c(time, cause, np.append(risk, 0.9))
    assert found == pytest.approx(1.5 * weight**2 / (2 * weight**2 + weight))


@quick
@given(cohorts(), st.sampled_from([2.0, 5.0, 8.0]))
def test_without_censoring_weights_do_nothing(cohort, horizon):
    time, cause, risk = cohort
    cause = np.maximum(cause, 1)
    assert cr.uno_c(time, cause, risk) == pytest.approx(cr.c_index(time, cause, risk), nan_ok=True)
    plain = np.mean((((cause == 1) & (time <= horizon)) - risk) ** 2)
    assert cr.ipcw_brier(time, cause, risk, horizon) == pytest.approx(plain)
    assert cr.ipcw_brier(time, cause, risk, horizon, np.zeros(time.size)) == pytest.approx(plain)


def test_the_population_behind_late_entry_and_censoring():
    truth = truncated(competing=0.5)
    seen = (truth.seen_time, truth.seen_cause, truth.seen_risk, 1.0)
    whole = (truth.time, truth.cause, truth.risk, 1.0)
    for measure, tolerance in ((cr.ipcw_brier, 0.004), (cr.auc_at, 0.015), (cr.uno_c, 0.015)):
        assert measure(*seen, truth.entry) == pytest.approx(measure(*whole), abs=tolerance)
    assert cr.observed_expected_at(*seen, truth.entry) == pytest.approx(1, abs=0.03)
    ranks = cr.c_index(truth.time, truth.cause, truth.risk)
    assert cr.c_index(*seen[:3], truth.entry) == pytest.approx(ranks, abs=0.015), "censoring hardly matters here"
    assert cr.ipa(*seen, 0.5, truth.entry) == pytest.approx(cr.ipa(*whole, 0.5), abs=0.015)
    times = np.array([0.5, 1.0])
    over = cr.integrated_brier(truth.time, truth.cause, truth.risk[:, None] * times, times)
    found = cr.integrated_brier(*seen[:2], truth.seen_risk[:, None] * times, times, truth.entry)
    assert found == pytest.approx(over, abs=0.004)


@quick
@given(late_cohorts(), st.booleans())
def test_concordance_is_its_definition(cohort, late):
    """Pair by pair: under observation at the event and later than it, or gone before it by a competing event."""
    time, cause, risk, entry = cohort
    entry = entry if late else np.zeros(time.size)
    score, pairs = 0.0, 0
    for i in np.flatnonzero(cause == 1):
        for j in range(time.size):
            later = (time[j] > time[i] or (time[j] == time[i] and cause[j] != 1)) and entry[j] < time[i]
            if later or (cause[j] > 1 and time[j] < time[i]):
                score += (np.sign(risk[i] - risk[j]) + 1) / 2
                pairs += 1
    found = cr.c_index(time, cause, risk, entry)
    assert found == pytest.approx(score / pairs if pairs else math.nan, nan_ok=True)
    assert found == pytest.approx(1 - cr.c_index(time, cause, -risk, entry), nan_ok=True)
    if not late:
        assert found == pytest.approx(cr.c_index(time, cause, risk), nan_ok=True)


def fine_and_gray_sample(n, late):
    """Fine and Gray's design, F(t) = 1 - (1 - .6 (1 - exp(-t / 2)))^exp(x): log(-log(1 - F)) is x and a constant.

    Competing events come early and most patients are censored, so that those who stay at risk matter.
    """
    rng = np.random.default_rng(7)
    x, p = rng.normal(size=n), 0.6
    ever = -np.expm1(np.exp(x) * np.log1p(-p))
    first = rng.random(n) < ever
    of_event = -np.expm1(np.log1p(-rng.random(n) * ever) * np.exp(-x)) / p
    time = np.where(first, -2 * np.log1p(-np.minimum(of_event, 1 - 1e-12)), rng.exponential(0.2, n))
    entry = np.where(rng.random(n) < 0.4, 0.0, rng.uniform(0, 1, n)) if late else np.zeros(n)
    followed = entry + rng.exponential(0.5, n)
    cause, seen = np.where(time <= followed, np.where(first, 1, 2), 0), entry < time
    return np.minimum(time, followed)[seen], cause[seen], x[seen], entry[seen]


@pytest.mark.parametrize("late", [False, True], ids=["from the start", "late entries"])
def test_the_slope_of_true_incidences_is_one(late):
    time, cause, x, entry = fine_and_gray_sample(20_000, late)
    assert cr.calibration_slope(time, cause, x, entry) == pytest.approx(1, abs=0.045)
    for_ever = sv.calibration_slope(*cr.without_competing(time, cause), x, entry)
    assert late or for_ever > 1.06, "at full weight for ever, those with a competing event are too many"


def test_the_new_forms_say_nan_and_refuse_slips():
    time, cause, risk = np.array([1.0, 2, 3]), np.array([1, 2, 0]), np.array([0.3, 0.2, 0.1])
    assert math.isnan(cr.auc_at(time, cause, risk, 9.0))
    assert math.isnan(cr.uno_c(time, np.minimum(cause, 0), risk))
    assert math.isnan(cr.integrated_brier(time, cause, np.full((3, 2), 0.5), np.array([1.0, 9.0])))
    none = np.array([])
    assert math.isnan(cr.uno_c(none, none.astype(int), none))
    for measure in (cr.uno_c, cr.auc_at):
        with pytest.raises(ValueError, match="risk must hold 3 finite numbers"):
            measure(time, cause, np.array([0.1, math.nan, 0.2]), 2.0)


@quick
@given(cohorts(), st.sampled_from([2.0, 5.0, 8.0]))
def test_without_competing_events_all_is_as_for_survival(cohort, horizon):
    time, cause, risk = cohort
    cause = np.minimum(cause, 1)
    link = np.log(-np.log(1 - risk))
    same = {
        cr.aalen_johansen(time, cause, horizon): 1 - sv.kaplan_meier(time, cause == 1).at(horizon),
        cr.ipcw_brier(time, cause, risk, horizon): sv.ipcw_brier(time, cause == 1, 1 - risk, horizon),
        cr.c_index(time, cause, risk): sv.harrell_c(time, cause == 1, risk),
        cr.uno_c(time, cause, risk, horizon): td.uno_c(time, cause == 1, risk, horizon),
        cr.auc_at(time, cause, risk, horizon): td.auc_at(time, cause == 1, risk, horizon),
        cr.calibration_slope(time, cause, link): sv.calibration_slope(time, cause == 1, link),
        cr.observed_expected_at(time, cause, risk, horizon): sv.observed_expected_at(
            time, cause == 1, 1 - risk, horizon
        ),
    }
    for found, expected in same.items():
        assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_beyond_the_follow_up_nothing_is_said():
    time, cause = np.array([1.0, 2.0, 3.0]), np.array([1, 2, 0])
    assert math.isnan(cr.aalen_johansen(time, cause, 4.0))
    assert math.isnan(cr.ipcw_brier(time, cause, 0.5, 4.0))
    assert math.isnan(cr.ipa(time, cause, np.full(3, 0.5), 4.0, 0.5))
    assert math.isnan(cr.observed_expected_at(time, cause, np.zeros(3), 2.0)), "no risk was predicted"
