"""Survival measures against hand-worked cases and their definitions; R's numbers are in test_golden."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from riskml.training.metrics import survival as sv
from tests.training.metrics.cases import truncated

quick = settings(deadline=None, max_examples=60, derandomize=True)


@st.composite
def cohorts(draw, min_size=3):
    """Ten possible times, so ties abound: time, event, risk, and entry before time."""
    n = draw(st.integers(min_size, 25))
    time = np.array(draw(st.lists(st.integers(1, 10), min_size=n, max_size=n)), dtype=float)
    event = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    risk = np.array(draw(st.lists(st.integers(-2, 2), min_size=n, max_size=n)), dtype=float)
    share = np.array(draw(st.lists(st.sampled_from([0.0, 0.3, 0.5, 0.9]), min_size=n, max_size=n)))
    return time, event, risk, np.floor(time * share)


def test_kaplan_meier_by_hand():  # events on days 10 and 20, censored on 15 and 30: S(20) = 3/4 * 1/2
    curve = sv.kaplan_meier(np.array([15.0, 10, 30, 20]), np.array([False, True, False, True]))
    assert curve.times.tolist() == [10, 15, 20, 30]
    assert curve.at_risk.tolist() == [4, 3, 2, 1]
    assert curve.at(np.array([9.9, 10, 19.9, 20, 30])).tolist() == [1, 0.75, 0.75, 0.375, 0.375]
    assert curve.se[2] == pytest.approx(0.375 * math.sqrt(1 / (4 * 3) + 1 / (2 * 1)))
    assert math.isnan(curve.at(30.1))


def test_late_entry_by_hand():
    # Patient 2 is watched from 12 on: at risk are {1, 3} at 10 and {2, 3} at 20, so S = 1/2, then 1/4.
    curve = sv.kaplan_meier(np.array([10.0, 20, 30]), np.array([True, True, False]), entry=np.array([0.0, 12, 0]))
    assert curve.at_risk.tolist() == [2, 2, 1]
    assert curve.survival.tolist() == [0.5, 0.25, 0.25]


def test_entry_at_an_event_time_is_not_yet_at_risk():
    curve = sv.kaplan_meier(np.array([10.0, 20, 20]), np.array([True, True, False]), entry=np.array([0.0, 10, 0]))
    assert curve.at_risk.tolist() == [2, 2]


def test_censored_at_the_time_of_an_event_is_still_at_risk():
    assert sv.kaplan_meier(np.array([5.0, 5]), np.array([True, False])).at(5) == 0.5


def test_weights_are_copies():
    time, event, copies = np.array([1.0, 2, 3, 4]), np.array([True, False, True, False]), np.array([2, 1, 0, 3])
    weighted = sv.kaplan_meier(time, event, weights=copies.astype(float))
    repeated = sv.kaplan_meier(np.repeat(time, copies), np.repeat(event, copies))
    for name in ("times", "survival", "at_risk", "se"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name))


def test_a_curve_that_reaches_zero_stays_there():
    curve = sv.kaplan_meier(np.array([1.0, 2]), np.array([False, True]))
    assert curve.at(99) == 0
    assert math.isnan(curve.se[-1])
    assert math.isnan(curve.interval(2).low)
    assert curve.interval(0.5).value == 1
    assert math.isnan(curve.interval(0.5).low)


@quick
@given(cohorts())
def test_kaplan_meier_falls_and_has_ordered_limits(data):
    time, event, _, entry = data
    curve = sv.kaplan_meier(time, event, entry)
    assert (np.diff(curve.survival, prepend=1.0) <= 0).all()
    assert (curve.survival >= 0).all()
    for t in curve.times:
        interval = curve.interval(t)
        assert math.isnan(interval.low) or interval.low < interval.value < interval.high


@quick
@given(cohorts(), st.integers(1, 9))
def test_entry_at_zero_changes_nothing(data, horizon):
    time, event, risk, _ = data
    zero = np.zeros(time.size)
    np.testing.assert_array_equal(
        sv.kaplan_meier(time, event).survival, sv.kaplan_meier(time, event, entry=zero).survival
    )
    pairs = [
        (sv.harrell_c(time, event, risk), sv.harrell_c(time, event, risk, entry=zero)),
        (sv.calibration_slope(time, event, risk), sv.calibration_slope(time, event, risk, entry=zero)),
        (
            sv.observed_expected_at(time, event, 0.5, horizon),
            sv.observed_expected_at(time, event, 0.5, horizon, entry=zero),
        ),
    ]
    for without, with_entry in pairs:
        assert without == pytest.approx(with_entry, nan_ok=True)


@quick
@given(cohorts())
def test_concordance_is_its_definition(data):
    """Pair by pair, late entries included."""
    time, event, risk, entry = data
    score, pairs = 0.0, 0
    for i in np.flatnonzero(event):
        for j in range(time.size):
            later = time[j] > time[i] or (time[j] == time[i] and not event[j])
            if later and entry[j] < time[i]:
                score += (np.sign(risk[i] - risk[j]) + 1) / 2
                pairs += 1
    expected = score / pairs if pairs else math.nan
    assert sv.harrell_c(time, event, risk, entry) == pytest.approx(expected, nan_ok=True)
    assert sv.harrell_c(time, event, -risk, entry) == pytest.approx(1 - expected, nan_ok=True)


def test_concordance_adds_up_over_blocks():
    """More pairs than one block holds: uncensored distinct times leave (1 + tau) / 2 of Kendall's tau, here by sums."""
    rng = np.random.default_rng(4)
    time = rng.permutation(1500).astype(float) + 1
    risk = rng.normal(size=1500)
    ordered = risk[np.argsort(time)]
    concordant = sum(int((ordered[k + 1 :] < ordered[k]).sum()) for k in range(1500))
    assert sv.harrell_c(time, np.ones(1500, dtype=bool), risk) == pytest.approx(concordant / (1500 * 1499 / 2))


def test_concordance_of_a_large_cohort_is_the_count_of_all_pairs():
    """Beyond the size where pairs are counted at once, late entries, ties and all: the very same number."""
    rng = np.random.default_rng(6)
    time, event = np.ceil(rng.exponential(40, size=2500)), rng.random(2500) < 0.4
    risk, entry = rng.normal(size=2500).round(1), np.floor(time * rng.random(2500) * 0.9)
    score, pairs = 0.0, 0
    for i in np.flatnonzero(event):
        later = ((time > time[i]) | ((time == time[i]) & ~event)) & (entry < time[i])
        score += np.count_nonzero(later & (risk < risk[i])) + np.count_nonzero(later & (risk == risk[i])) / 2
        pairs += np.count_nonzero(later)
    assert sv.harrell_c(time, event, risk, entry) == score / pairs


def test_slope_by_hand():
    # Likelihood e^0 / (2 + u) * u / (1 + u) with u = e^b is largest at u = sqrt 2.
    time, event, x = np.array([1.0, 2, 3]), np.array([True, True, False]), np.array([0.0, 1, 0])
    assert sv.calibration_slope(time, event, x) == pytest.approx(math.log(2) / 2)


def log_likelihood(beta, data):
    """Efron's partial likelihood straight from its formula."""
    time, event, x, entry = data
    total = 0.0
    for t in np.unique(time[event]):
        tied, at_risk = event & (time == t), (entry < t) & (time >= t)
        total += beta * x[tied].sum()
        own, everyone = np.exp(beta * x[tied]).sum(), np.exp(beta * x[at_risk]).sum()
        total -= sum(math.log(everyone - own * k / tied.sum()) for k in range(tied.sum()))
    return total


@quick
@given(cohorts())
def test_slope_is_where_the_likelihood_is_largest(data):
    slope = sv.calibration_slope(*data[:3], entry=data[3])
    best = minimize_scalar(lambda beta: -log_likelihood(beta, data), bounds=(-12, 12), method="bounded")
    if math.isnan(slope):  # flat or rising for ever: the best of a bounded search is no better than the far end
        ends = max(log_likelihood(-25, data), log_likelihood(25, data))
        assert ends >= log_likelihood(best.x, data) - 1e-6
    else:
        assert log_likelihood(slope, data) >= log_likelihood(best.x, data) - 1e-9


def test_slope_grows_as_the_predictor_shrinks():
    rng = np.random.default_rng(8)
    x = rng.normal(size=200)
    time, event = rng.exponential(np.exp(-x)), rng.random(200) < 0.7
    slope = sv.calibration_slope(time, event, x)
    assert sv.calibration_slope(time, event, x / 4 + 3) == pytest.approx(4 * slope)
    assert slope == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize(
    ("event", "x"),
    [([True, True, False], [3.0, 2, 1]), ([True, True, False], [1.0, 1, 1]), ([False, False, False], [3.0, 1, 2])],
    ids=["monotone", "constant", "no event"],
)
def test_no_slope_where_none_exists(event, x):
    assert math.isnan(sv.calibration_slope(np.array([1.0, 2, 3]), np.array(event), np.array(x)))


BRIER_TIME, BRIER_EVENT = np.array([1.0, 2, 3, 5]), np.array([True, False, True, False])


def test_ipcw_brier_by_hand():
    # Horizon 4. Censoring curve: 1 before 2, then 2/3. Weights 1, 0, 3/2, 3/2 on .2^2, -, .4^2, (1 - .9)^2.
    survival = np.array([0.2, 0.7, 0.4, 0.9])
    expected = (0.04 + 1.5 * 0.16 + 1.5 * 0.01) / 4
    assert sv.ipcw_brier(BRIER_TIME, BRIER_EVENT, survival, 4) == pytest.approx(expected)
    assert sv.ipcw_brier(BRIER_TIME, BRIER_EVENT, 0.5, 4) == pytest.approx(0.25)


def test_events_leave_before_censorings_of_their_day():
    # Event and censoring both at 2, one goes on: of the two left after the event one is censored, G = 1/2 from 2 on.
    time, event = np.array([2.0, 2, 5]), np.array([True, False, False])
    assert sv.ipcw_brier(time, event, np.array([0.3, 0.5, 0.9]), 3) == pytest.approx((0.09 + 2 * 0.01) / 3)


def test_follow_up_cut_at_the_horizon_is_known_to_be_event_free():
    """Administrative censoring at the horizon itself: nothing is unknown, so this is the plain Brier score."""
    time, event = np.array([1.0, 3, 5, 5]), np.array([True, True, False, False])
    survival = np.array([0.1, 0.4, 0.8, 0.7])
    plain = np.mean((~event - survival) ** 2)
    assert sv.ipcw_brier(time, event, survival, 5) == pytest.approx(plain)
    assert sv.ipcw_brier(np.where(event, time, 9), event, survival, 5) == pytest.approx(plain)


def test_ipcw_brier_finds_the_brier_score_that_censoring_hides():
    rng = np.random.default_rng(12)
    x = rng.normal(size=20000)
    death, censoring = rng.exponential(np.exp(-x)), rng.exponential(2, size=20000)
    survival = np.exp(-0.8 * np.exp(x))
    uncensored = np.mean(((death > 0.8) - survival) ** 2)
    weighted = sv.ipcw_brier(np.minimum(death, censoring), death <= censoring, survival, 0.8)
    assert weighted == pytest.approx(uncensored, abs=0.004)


@quick
@given(cohorts(), st.integers(1, 12))
def test_ipa_of_the_comparator_is_zero(data, horizon):
    time, event, _, _ = data
    null = sv.kaplan_meier(time, event).at(horizon)
    score = sv.ipcw_brier(time, event, 0.0 if math.isnan(null) else null, horizon)
    assert math.isnan(score) == math.isnan(null)
    if score > 1e-12:
        assert score <= 0.25 + 1e-12  # S (1 - S), as the weights make the weighted event rate that of Kaplan-Meier
        assert score == pytest.approx(null * (1 - null))
        assert sv.ipa(time, event, null, horizon) == pytest.approx(0, abs=1e-12)
        assert sv.observed_expected_at(time, event, null, horizon) == pytest.approx(1)


@quick
@given(cohorts(), st.integers(1, 12))
def test_weights_stand_for_everybody(data, horizon):
    """They add up to n, are 1 / G without late entries, and make the weighted event rate that of Kaplan-Meier."""
    time, event, _, entry = data
    for entries in (None, entry):
        weights = sv.censoring_weights(time, event, horizon, entries)
        survival = sv.kaplan_meier(time, event, entries).at(horizon)
        if weights is None:
            watched = np.ones(time.size, dtype=bool) if entries is None else entries < horizon
            assert math.isnan(survival) or not (watched & (time >= horizon)).any()
            continue
        assert weights.sum() == pytest.approx(time.size)
        assert weights[event & (time <= horizon)].sum() / time.size == pytest.approx(1 - survival, abs=1e-12)
    weights = sv.censoring_weights(time, event, horizon)
    if weights is not None:
        # Events leave before the censorings of their day, so censoring is counted half a step later.
        censoring = sv.kaplan_meier(time + 0.5 * ~event, ~event)
        for k in np.flatnonzero(weights):
            t = min(time[k], horizon)
            uncensored = censoring.survival[censoring.times < t][-1:]
            assert weights[k] == pytest.approx(1 / (uncensored[0] if uncensored.size else 1.0))


def test_weights_with_late_entry_by_hand():
    # Watched from 12 on: patient 2. At 10 are at risk {1, 3}, S = 1/2; at 20 {2, 3}. Weights of 25: event at 10 1/2,
    # event at 20 (1/2) / 2, the one left S = 1/4; times n = 3.
    time, event, entry = np.array([10.0, 20, 30]), np.array([True, True, False]), np.array([0.0, 12, 0])
    assert sv.censoring_weights(time, event, 25, entry).tolist() == pytest.approx([1.5, 0.75, 0.75])
    assert sv.censoring_weights(time, event, 11, entry).tolist() == pytest.approx([1.5, 0, 1.5]), "2 is not there yet"
    assert sv.censoring_weights(time, event, 5, np.array([8.0, 12, 9])) is None, "nobody is"
    brier = sv.ipcw_brier(time, event, np.array([0.2, 0.5, 0.9]), 25, entry)
    assert brier == pytest.approx((1.5 * 0.04 + 0.75 * 0.25 + 0.75 * 0.01) / 3)


def test_late_entry_is_undone():
    """Brier score, IPA and O/E of the whole population, which only the survivors to their entry let us see."""
    truth = truncated()
    died, seen = np.ones(truth.time.size, dtype=bool), truth.seen_cause == 1
    sample = (truth.seen_time, seen, 1 - truth.seen_risk, 1.0)
    whole = sv.ipcw_brier(truth.time, died, 1 - truth.risk, 1.0)
    assert sv.ipcw_brier(*sample, truth.entry) == pytest.approx(whole, abs=0.003)
    whole = sv.ipa(truth.time, died, 1 - truth.risk, 1.0)
    assert sv.ipa(*sample, entry=truth.entry) == pytest.approx(whole, abs=0.015)
    assert sv.observed_expected_at(*sample, truth.entry) == pytest.approx(1, abs=0.02)
    assert abs(sv.observed_expected_at(*sample) - 1) > 0.1


def test_ipa_against_a_comparator_of_ones_own():
    survival = np.array([0.2, 0.7, 0.4, 0.9])
    expected = 1 - sv.ipcw_brier(BRIER_TIME, BRIER_EVENT, survival, 4) / 0.25
    assert sv.ipa(BRIER_TIME, BRIER_EVENT, survival, 4, reference=0.5) == pytest.approx(expected)
    assert sv.ipa(BRIER_TIME, BRIER_EVENT, survival, 4, reference=np.full(4, 0.5)) == pytest.approx(expected)


def test_observed_expected_by_hand():  # Kaplan-Meier at 4 is 3/4 * 1/2; predicted risks .1, .2, .3, .4
    ratio = sv.observed_expected_at(BRIER_TIME, BRIER_EVENT, np.array([0.9, 0.8, 0.7, 0.6]), 4)
    assert ratio == pytest.approx((1 - 0.375) / 0.25)
    assert math.isnan(sv.observed_expected_at(BRIER_TIME, BRIER_EVENT, 1.0, 4))


def test_beyond_the_follow_up_nothing_crashes():
    for measure in (sv.ipcw_brier, sv.ipa, sv.observed_expected_at):
        assert math.isnan(measure(BRIER_TIME, BRIER_EVENT, 0.5, 6))
    all_died = np.ones(4, dtype=bool)
    assert sv.ipcw_brier(BRIER_TIME, all_died, 0.1, 6) == pytest.approx(0.01)
    assert math.isnan(sv.ipa(BRIER_TIME, all_died, 0.1, 6))  # the comparator, S = 0, is never wrong


def test_an_empty_table_is_not_estimable():
    time, event = np.array([]), np.array([], dtype=bool)
    assert sv.kaplan_meier(time, event).times.size == 0
    assert math.isnan(sv.kaplan_meier(time, event).at(1))
    assert math.isnan(sv.harrell_c(time, event, time))
    assert math.isnan(sv.calibration_slope(time, event, time))
    assert math.isnan(sv.ipcw_brier(time, event, time, 1))
    assert math.isnan(sv.observed_expected_at(time, event, time, 1))


def test_slips_are_refused():
    time, event = np.array([1.0, 2]), np.array([True, False])
    with pytest.raises(ValueError, match="entry must be before the time of exit, got 1"):
        sv.kaplan_meier(time, event, entry=np.array([1.0, 1]))
    with pytest.raises(ValueError, match="risk must hold 2 finite numbers"):
        sv.harrell_c(time, event, np.array([1.0, math.nan]))
    with pytest.raises(ValueError, match="time must hold 2"):
        sv.kaplan_meier(np.array([1.0]), event)
    with pytest.raises(ValueError, match="weights"):
        sv.kaplan_meier(time, event, weights=np.array([1.0, -1]))
