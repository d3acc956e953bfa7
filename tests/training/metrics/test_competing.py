"""Competing risks: R's Aalen-Johansen, cases by hand, and what must hold when nobody has the competing event."""

from __future__ import annotations

import csv
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskml.training.metrics import competing as cr
from riskml.training.metrics import survival as sv
from riskml.training.metrics import time_dependent as td
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


@pytest.mark.data
def test_aalen_johansen_and_its_error_are_those_of_r(data_file):
    with data_file("leukaemia_hsct/casebase_bmtcrr.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    time = np.array([float(row["ftime"]) for row in rows])
    cause = np.array([int(row["Status"]) for row in rows])
    with data_file("reference_stats/expected_values_R.csv").open(newline="", encoding="utf-8") as file:
        golden = {row["quantity"]: row for row in csv.DictReader(file) if row["dataset"] == "casebase_bmtcrr"}
    for months in (6, 12, 24):
        for number in (1, 2):
            row = golden[f"aalen_johansen_CIF cause {number} at {months}mo"]
            as_first = np.where(cause == number, 1, np.where(cause > 0, 2, 0))
            found = cr.incidence_interval(time, as_first, months)
            assert found.value == pytest.approx(float(row["value"]), abs=1e-9)
            error = (found.high - found.low) / 2 / 1.959964
            r_error = next(float(value) for name, value in row.items() if name not in ("dataset", "quantity", "value"))
            assert error == pytest.approx(r_error, rel=0.03), "the jackknife and R's delta method agree to some percent"


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
@given(cohorts(), st.sampled_from([2.0, 5.0, 8.0]))
def test_pseudo_values_are_the_jackknife_and_average_to_the_estimate_without_censoring(cohort, horizon):
    time, cause, _ = cohort
    found = cr.pseudo_values(time, np.maximum(cause, 1), horizon)
    expected = ((np.maximum(cause, 1) == 1) & (time <= horizon)).astype(float)
    assert found == pytest.approx(expected, abs=1e-9), "without censoring each stands for the patient's own 0 or 1"


@quick
@given(cohorts(), st.sampled_from([2.0, 5.0, 8.0]))
def test_pseudo_values_are_the_jackknife_by_leaving_each_patient_out(cohort, horizon):
    time, cause, _ = cohort
    found, n = cr.pseudo_values(time, cause, horizon), time.size
    whole = cr.aalen_johansen(time, cause, horizon)
    assert np.isnan(found).all() == math.isnan(whole)
    for k in range(n):
        others = np.arange(n) != k
        # Where the others' follow-up ends before the horizon, their last value stands.
        until = min(horizon, time[others].max())
        left = cr.aalen_johansen(time[others], cause[others], until)
        if not math.isnan(whole):
            assert found[k] == pytest.approx(n * whole - (n - 1) * left, abs=1e-9)


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
    assert cr.ipa(*seen, 0.5, truth.entry) == pytest.approx(cr.ipa(*whole, 0.5), abs=0.015)
    times = np.array([0.5, 1.0])
    over = cr.integrated_brier(truth.time, truth.cause, truth.risk[:, None] * times, times)
    found = cr.integrated_brier(*seen[:2], truth.seen_risk[:, None] * times, times, truth.entry)
    assert found == pytest.approx(over, abs=0.004)


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
